;; limit: plugins.cpu_limit_ms: CPU time of one decision
;; fails: time
;; says: cpu_limit
;; route
(loop $l (br $l)) (unreachable)
;; items
