;; limit: error codes are 1 to 9999
;; fails: bad-answer
;; says: an error code of 1 to 9999, not 0
;; authorise-request
(call $refuse (i32.const 3) (i32.const 0))
;; items
