;; limit: elements of an instance's tables
;; fails: memory
;; says: table
;; route
(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l)) (unreachable)
;; items
(table $t 1 funcref)
