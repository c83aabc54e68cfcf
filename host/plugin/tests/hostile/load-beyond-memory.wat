;; limit: an instance reads its own memory alone
;; fails: trap
;; says: out of bounds memory access
;; route
(drop (i32.load (i32.const 0x7ffffff0))) (call $pass)
;; items
