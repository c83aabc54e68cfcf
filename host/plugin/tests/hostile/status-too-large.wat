;; limit: statuses are 400 to 699
;; fails: bad-answer
;; says: 400 to 699
;; route
(call $refuse (i32.const 2) (i32.const 4860))
;; items
