;; limit: a table holds what the module put there
;; fails: trap
;; says: uninitialized element
;; route
(drop (call_indirect (result i32) (i32.const 0))) (call $pass)
;; items
(table 1 funcref)
