;; limit: elements of an instance's tables
;; fails: load
;; says: table
;; route
(call $pass)
;; items
(table 1000000 funcref)
