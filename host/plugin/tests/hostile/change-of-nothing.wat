;; limit: attributes that can be changed
;; fails: bad-answer
;; says: change of ``: it cannot be changed
;; authorise-request
(drop (call $refuse (i32.const 2) (i32.const 4096)))
(i32.store (i32.const 1032) (i32.const 1))
(i32.const 1024)
;; items
