//! The allocator of a plugin on its target: small blocks come from lists by size, which makes the dozens of short texts of a question
//! several times cheaper than the general allocator does.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::UnsafeCell,
    ptr::null_mut,
};

/// Blocks of 16, 32, … 1024 bytes have lists.
const CLASSES: usize = 7;
const SMALLEST: usize = 16;
const LARGEST: usize = SMALLEST << (CLASSES - 1);
/// Blocks are cut from pieces of this size.
const PIECE: usize = 16 * 1024;

struct Lists {
    free: [*mut u8; CLASSES],
    next: *mut u8,
    left: usize,
}

/// See the module.
pub(crate) struct Memory(UnsafeCell<Lists>);

// SAFETY: the target has one thread.
unsafe impl Sync for Memory {}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(Lists { free: [null_mut(); CLASSES], next: null_mut(), left: 0 }))
    }
}

/// The list for blocks of this layout; `None` for those that the general allocator gives.
#[inline(always)]
const fn class(layout: Layout) -> Option<usize> {
    if layout.size() > LARGEST || layout.align() > SMALLEST {
        return None;
    }
    if layout.size() <= SMALLEST {
        return Some(0);
    }
    Some((usize::BITS - (layout.size() - 1).leading_zeros()) as usize - 4)
}

// SAFETY: a block is cut from a piece of the general allocator once, and is in a list or with the program, never both; it is as large as its
// class says, and aligned to it up to 16 bytes since pieces are.
unsafe impl GlobalAlloc for Memory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(layout) else {
            // SAFETY: passed on as it came.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: one thread, and nothing below calls back.
        let lists = unsafe { &mut *self.0.get() };
        let head = lists.free[class];
        if !head.is_null() {
            // SAFETY: a free block holds the address of the next one.
            lists.free[class] = unsafe { head.cast::<*mut u8>().read() };
            return head;
        }
        lists.cut(SMALLEST << class)
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(layout) else {
            // SAFETY: passed on as it came.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: as above; the block is large enough for an address.
        let lists = unsafe { &mut *self.0.get() };
        unsafe { block.cast::<*mut u8>().write(lists.free[class]) };
        lists.free[class] = block;
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe {
            let fresh = Layout::from_size_align_unchecked(size, layout.align());
            match (class(layout), class(fresh)) {
                (Some(before), Some(after)) if before == after => return block,
                (None, None) => return System.realloc(block, layout, size),
                _ => {}
            }
            let to = self.alloc(fresh);
            if !to.is_null() {
                block.copy_to_nonoverlapping(to, layout.size().min(size));
                self.dealloc(block, layout);
            }
            to
        }
    }
}

impl Lists {
    #[cold]
    fn cut(&mut self, size: usize) -> *mut u8 {
        if self.left < size {
            // SAFETY: the size is not zero and the alignment a power of two.
            let piece = unsafe { System.alloc(Layout::from_size_align_unchecked(PIECE, SMALLEST)) };
            if piece.is_null() {
                return piece;
            }
            (self.next, self.left) = (piece, PIECE);
        }
        let block = self.next;
        // SAFETY: within the piece.
        self.next = unsafe { block.add(size) };
        self.left -= size;
        block
    }
}
