;; limit: plugins.memory_limit_mib, or what a component may hand over
;; fails: bad-answer
;; says: cannot be read
;; fan-out
(drop (call $refuse (i32.const 1) (i32.const 0)))
(i32.store (i32.const 1032) (i32.const 1000000))
(i32.const 1024)
;; items
