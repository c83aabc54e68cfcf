;; limit: a version is tested before it serves
;; fails: load
;; says: unreachable
;; route
(call $pass)
;; items
(func $begin (unreachable)) (start $begin)
