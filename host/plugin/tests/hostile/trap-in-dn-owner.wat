;; limit: a failure costs the one decision
;; fails: trap
;; says: unreachable
;; dn-owner
(unreachable)
;; items
