;; limit: error codes are 1 to 9999
;; fails: bad-answer
;; says: an error code of 1 to 9999, not 10000
;; fan-out
(call $refuse (i32.const 2) (i32.const 10000))
;; items
