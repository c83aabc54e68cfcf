;; limit: a version is tested before it serves, in bounded time
;; fails: load
;; says: cpu_limit
;; route
(call $pass)
;; items
(func $begin (loop $l (br $l))) (start $begin)
