#!/usr/bin/env python3
"""One pjsua2 phone, told what to do by lines on standard input and telling what happens by lines on standard output.

  phone.py USER SIP_PORT TONE_HZ [TRANSPORT]

It registers as sip:USER@127.0.0.1 at 127.0.0.1:SIP_PORT or, with TRANSPORT (udp, tcp, tls), as sip:USER@localhost over
it; it plays a tone of TONE_HZ into every call and records what it
hears. Every line in and out is one JSON object. In: {"do": "call", "to": USER}, "ring", "progress", "answer", "refuse" with "code",
"hold", "resume", "hangup", "transfer" with "to", "consult" with "to" (a second call beside the held first), "pick-up" with "to" and "replaces", "attend" (the
first call is sent on to the second), "record" with "file", "stop-record", "heard", "quit". Out: {"event": ...}.
"""

import json
import os
import select
import sys

import pjsua2 as pj

CLOCK_RATE = 8000
# pjmedia: repeat the tone until it is stopped.
TONE_LOOP = 1
ACTIVE = pj.PJSUA_CALL_MEDIA_ACTIVE
MEDIA_STATES = {
    pj.PJSUA_CALL_MEDIA_NONE: "none",
    pj.PJSUA_CALL_MEDIA_ACTIVE: "active",
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "local-hold",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remote-hold",
    pj.PJSUA_CALL_MEDIA_ERROR: "error",
}


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Commands:
    """Lines on standard input, read without waiting; its end is a command to quit."""

    def __init__(self):
        self.unread = b""

    def arrived(self):
        while select.select([0], [], [], 0)[0]:
            some = os.read(0, 65536)
            if not some:
                yield {"do": "quit"}
                return
            *lines, self.unread = (self.unread + some).split(b"\n")
            yield from (json.loads(line) for line in lines if line)


class Call(pj.Call):
    def __init__(self, phone, account, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(account, call_id)
        self.phone = phone

    def onCallState(self, prm):
        info = self.getInfo()
        tell("call", state=info.stateText, code=int(info.lastStatusCode))
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.forget(self)

    def onCallTransferStatus(self, prm):
        tell("transfer", code=int(prm.statusCode), final=bool(prm.finalNotify))

    def onCallTsxState(self, prm):
        transaction = prm.e.body.tsxState.tsx
        if transaction.method == "UPDATE" and transaction.statusCode >= 200:
            tell("update", code=int(transaction.statusCode))

    def onCallMediaState(self, prm):
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if media.status == ACTIVE:
                self.phone.connect(self.getAudioMedia(index))
            tell("media", state=MEDIA_STATES.get(media.status, "unknown"))


class Account(pj.Account):
    def __init__(self, phone):
        super().__init__()
        self.phone = phone

    def onRegState(self, prm):
        tell("registration", code=int(prm.code), active=bool(self.getInfo().regIsActive))

    def onMwiInfo(self, prm):
        tell("mwi", waiting="Messages-Waiting: yes" in prm.rdata.wholeMsg)

    def onIncomingCall(self, prm):
        call = Call(self.phone, self, prm.callId)
        self.phone.take(call)
        tell("incoming", remote=call.getInfo().remoteUri)


class Phone:
    def __init__(self, user, port, tone_hz, transport_name=None):
        self.domain = "localhost" if transport_name else f"127.0.0.1:{port}"
        self.port, self.call, self.audio, self.recorder = port, None, None, None
        self.calls = []
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.logConfig.level = config.logConfig.consoleLevel = 0
        config.logConfig.filename = os.environ.get("PHONE_LOG", "")
        config.logConfig.level = 5 if config.logConfig.filename else 0
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.medConfig.clockRate = config.medConfig.sndClockRate = CLOCK_RATE
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        self.endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.boundAddress = "127.0.0.1"
        # Somebody in the world: it is called at this port and registers nowhere.
        transport.port = int(os.environ.get("PHONE_PORT", "0"))
        if "PHONE_CA" in os.environ:
            transport.tlsConfig.CaListFile = os.environ["PHONE_CA"]
            transport.tlsConfig.verifyServer = True
        kind = getattr(pj, f"PJSIP_TRANSPORT_{(transport_name or 'udp').upper()}")
        transport_id = self.endpoint.transportCreate(kind, transport)
        self.endpoint.audDevManager().setNullDev()
        self.endpoint.libStart()
        for codec in self.endpoint.codecEnum2():
            self.endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU") else 0)
        self.tone = pj.ToneGenerator()
        self.tone.createToneGenerator(CLOCK_RATE, 1)
        description = pj.ToneDesc()
        description.freq1, description.freq2, description.on_msec, description.off_msec = tone_hz, 0, 1000, 0
        tones = pj.ToneDescVector()
        tones.append(description)
        self.tone.play(tones, True)
        account = pj.AccountConfig()
        account.idUri = f"sip:{user}@127.0.0.1"
        account.regConfig.registrarUri = "" if transport.port else f"sip:127.0.0.1:{port}"
        if transport_name:
            account.idUri = f"sip:{user}@localhost"
            account.regConfig.registrarUri = "sip:localhost"
            account.sipConfig.proxies.append(f"sip:127.0.0.1:{port};transport={transport_name};lr")
            account.sipConfig.transportId = transport_id
        account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        for use, setting in [("prackUse", "PHONE_100REL"), ("timerUse", "PHONE_TIMER")]:
            if setting in os.environ:
                # The names of the library: PJSUA_100REL_MANDATORY, PJSUA_SIP_TIMER_REQUIRED.
                setattr(account.callConfig, use, getattr(pj, os.environ[setting]))
        if "PHONE_SESSION_S" in os.environ:
            account.callConfig.timerMinSESec = 90
            account.callConfig.timerSessExpiresSec = int(os.environ["PHONE_SESSION_S"])
        account.mwiConfig.enabled = "PHONE_MWI" in os.environ
        password = os.environ.get("PHONE_PASSWORD")
        if password is not None:
            account.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        self.account = Account(self)
        self.account.create(account)

    def connect(self, audio):
        self.audio = audio
        self.tone.startTransmit(audio)
        if self.recorder:
            audio.startTransmit(self.recorder)

    def take(self, call):
        self.calls.append(call)
        self.call = call

    def forget(self, call):
        self.calls = [other for other in self.calls if other is not call]
        if self.call is call:
            self.call = self.calls[-1] if self.calls else None
        if not self.calls:
            self.audio = None

    def do(self, command):
        name = command["do"].replace("-", "_")
        getattr(self, f"do_{name}")(command)

    def do_call(self, command):
        self.take(Call(self, self.account))
        self.call.makeCall(f"sip:{command['to']}@{self.domain}", pj.CallOpParam(True))

    def do_pick_up(self, command):
        prm = pj.CallOpParam(True)
        header = pj.SipHeader()
        header.hName, header.hValue = "Replaces", command["replaces"]
        prm.txOption.headers.append(header)
        self.take(Call(self, self.account))
        self.call.makeCall(f"sip:{command['to']}@{self.domain}", prm)

    def do_consult(self, command):
        self.do_call(command)

    def do_transfer(self, command):
        self.call.xfer(f"sip:{command['to']}@{self.domain}", pj.CallOpParam(True))

    def do_attend(self, _command):
        self.calls[0].xferReplaces(self.calls[1], pj.CallOpParam(True))

    def _answer(self, code):
        prm = pj.CallOpParam()
        prm.statusCode = code
        self.call.answer(prm)

    def do_ring(self, _command):
        self._answer(180)

    def do_progress(self, _command):
        # With its session description: the caller hears the tone before the answer.
        self._answer(183)

    def do_answer(self, _command):
        self._answer(200)

    def do_refuse(self, command):
        self._answer(command["code"])

    def do_hangup(self, _command):
        self.call.hangup(pj.CallOpParam(True))

    def do_hold(self, _command):
        self.call.setHold(pj.CallOpParam(True))

    def do_resume(self, _command):
        prm = pj.CallOpParam(True)
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.call.reinvite(prm)

    def do_record(self, command):
        self.recorder = pj.AudioMediaRecorder()
        self.recorder.createRecorder(command["file"])
        if self.audio:
            self.audio.startTransmit(self.recorder)
        tell("recording")

    def do_stop_record(self, _command):
        # The file's header is written when the recorder goes.
        self.recorder = None
        tell("recorded")

    def do_heard(self, _command):
        received = 0
        if self.call and self.call.hasMedia():
            received = int(self.call.getStreamStat(0).rtcp.rxStat.pkt)
        tell("heard", packets=received)

    def run(self):
        """Serves the library and the commands by turns, in one thread."""
        commands = Commands()
        while True:
            self.endpoint.libHandleEvents(5)
            for command in commands.arrived():
                if command["do"] == "quit":
                    return
                try:
                    self.do(command)
                except Exception as error:  # the test decides what an error means
                    text = error.info() if isinstance(error, pj.Error) else repr(error)
                    tell("error", command=command["do"], text=text)

    def close(self):
        self.call = self.audio = self.recorder = self.tone = None
        self.account.shutdown()
        self.endpoint.libDestroy()


def main():
    user, port, tone_hz = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    phone = Phone(user, port, tone_hz, *sys.argv[4:5])
    phone.run()
    phone.close()
    # The library's own threads must not hold the process.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
