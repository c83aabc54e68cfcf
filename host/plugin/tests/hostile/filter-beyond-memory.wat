;; limit: an answer lies in the memory of its plugin
;; fails: bad-answer
;; says: cannot be read
;; fan-out
(drop (call $refuse (i32.const 1) (i32.const 60000)))
(i32.store (i32.const 1032) (i32.const 60000))
(i32.const 1024)
;; items
