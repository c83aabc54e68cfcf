;; limit: plugins.memory_limit_mib: memory of an instance
;; fails: memory
;; says: memory_limit
;; route
(drop (memory.grow (i32.const 65000))) (drop (memory.grow (i32.const 4096))) (unreachable)
;; items
