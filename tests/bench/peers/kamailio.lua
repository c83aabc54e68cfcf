-- The decisions of kamailio.cfg, one for one.

local function relay_within_transaction()
  if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
end

local function within_dialog(method)
  if KSR.rr.loose_route() > 0 then
    KSR.tm.t_relay()
  elseif method == "ACK" then
    relay_within_transaction()
  else
    KSR.sl.sl_send_reply(404, "Not Here")
  end
end

function ksr_request_route()
  if KSR.maxfwd.process_maxfwd(10) < 0 then
    KSR.sl.sl_send_reply(483, "Too Many Hops")
    return 1
  end
  if KSR.sanity.sanity_check(1511, 7) < 0 then return 1 end
  local method = KSR.pv.get("$rm")
  if method == "CANCEL" then
    relay_within_transaction()
    return 1
  end
  if KSR.siputils.has_totag() > 0 then
    within_dialog(method)
    return 1
  end
  KSR.tm.t_check_trans()
  if method == "REGISTER" then
    KSR.registrar.save("location", 0)
    return 1
  end
  if method == "INVITE" then
    KSR.setflag(4)
    KSR.rr.record_route()
  end
  if KSR.registrar.lookup("location") < 0 then
    KSR.sl.sl_send_reply(404, "Not Found")
    return 1
  end
  KSR.tm.t_relay()
  return 1
end
