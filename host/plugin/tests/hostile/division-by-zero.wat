;; limit: a failure costs the one decision
;; fails: trap
;; says: divide by zero
;; route
(drop (i32.div_u (i32.const 1) (i32.const 0))) (call $pass)
;; items
