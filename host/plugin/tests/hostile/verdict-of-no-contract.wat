;; limit: an answer is one of the contract
;; fails: bad-answer
;; says: cannot be read
;; route
(call $refuse (i32.const 9) (i32.const 0))
;; items
