;; limit: bytes of stack
;; fails: trap
;; says: overflowed its stack
;; route
(call $down (i32.const 0)) (call $pass)
;; items
(func $down (param i32) (call $down (i32.add (local.get 0) (i32.const 1))) (call $down (i32.const 0)))
