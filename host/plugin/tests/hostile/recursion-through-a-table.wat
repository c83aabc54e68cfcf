;; limit: bytes of stack
;; fails: trap
;; says: overflowed its stack
;; route
(call $down (i32.const 0)) (call $pass)
;; items
(type $step (func (param i32))) (table 1 funcref) (elem (i32.const 0) $down) (func $down (param i32) (call_indirect (type $step) (i32.add (local.get 0) (i32.const 1)) (i32.const 0)) (call_indirect (type $step) (i32.const 0) (i32.const 0)))
