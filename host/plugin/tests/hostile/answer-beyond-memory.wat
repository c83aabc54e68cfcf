;; limit: an answer is read within bounds
;; fails: bad-answer
;; says: cannot be read
;; route
(i32.const 0x7ffffff0)
;; items
