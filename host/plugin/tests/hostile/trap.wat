;; limit: a failure costs the one decision
;; fails: trap
;; says: unreachable
;; route
(unreachable)
;; items
