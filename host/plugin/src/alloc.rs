//! Counts the heap a thread holds, so that a script can be charged for what it allocates.
//!
//! Rhai has no limit on total memory. A binary that installs [`Counting`] as its global allocator gives the host one:
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: jackfield_plugin::alloc::Counting<std::alloc::System> =
//!     jackfield_plugin::alloc::Counting(std::alloc::System);
//! ```
//!
//! Without it the limits on strings, arrays and maps still hold, each for itself.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
};

thread_local! {
    // Constant and without a destructor, so that reading it allocates nothing and works at any time in a thread's life.
    static BALANCE: Cell<isize> = const { Cell::new(0) };
}

/// An allocator that passes everything on to `A` and keeps the balance of bytes allocated and freed by each thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counting<A>(
    /// The allocator that does the work.
    pub A,
);

// SAFETY: every method passes its arguments on to `A` unchanged and returns what `A` returned, so the contract that `A` keeps
// is kept here; the counting in between neither allocates nor panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        charge(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        charge(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        release(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`, and every block came from `A`.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        charge(new_size);
        release(layout.size());
        // SAFETY: the caller keeps the contract of `realloc`, and every block came from `A`.
        unsafe { self.0.realloc(block, layout, new_size) }
    }
}

/// Bytes that this thread allocated less those it freed; 0 for ever where [`Counting`] is not installed. It can be negative: a
/// thread may free what another allocated.
pub fn balance() -> isize {
    BALANCE.get()
}

fn charge(bytes: usize) {
    BALANCE.set(BALANCE.get().wrapping_add_unsigned(bytes));
}

fn release(bytes: usize) {
    BALANCE.set(BALANCE.get().wrapping_sub_unsigned(bytes));
}
