;; limit: an instance writes its own memory alone
;; fails: trap
;; says: out of bounds memory access
;; route
(memory.fill (i32.const 0) (i32.const 0) (i32.const 0x7fffffff)) (call $pass)
;; items
