;; limit: plugins.memory_limit_mib: memory of an instance
;; fails: memory
;; says: memory_limit
;; route
(loop $l (drop (memory.grow (i32.const 16))) (br $l)) (unreachable)
;; items
