;; limit: plugins.cpu_limit_ms: CPU time of one decision
;; fails: time
;; says: cpu_limit
;; dn-owner
(loop $l (br $l)) (unreachable)
;; items
