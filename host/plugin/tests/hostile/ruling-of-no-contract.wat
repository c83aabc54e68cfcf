;; limit: an answer is one of the contract
;; fails: bad-answer
;; says: cannot be read
;; dn-owner
(call $refuse (i32.const 4) (i32.const 0))
;; items
