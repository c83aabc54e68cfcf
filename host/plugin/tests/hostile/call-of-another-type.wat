;; limit: a call through a table is checked
;; fails: trap
;; says: indirect call type mismatch
;; route
(drop (call_indirect (result i32) (i32.const 0))) (call $pass)
;; items
(table 1 funcref) (elem (i32.const 0) $two) (func $two (result i64) (i64.const 2))
