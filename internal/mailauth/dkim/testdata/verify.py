"""Verifies DKIM signatures with dkimpy. It reads {"dns": {name: record}, "mails": [base64]} and answers, for each mail, with a list:
one word per signature, top down: pass, fail or the error."""

import base64
import json
import re
import sys

import dkim

task = json.load(sys.stdin)
records = {name: record.encode() for name, record in task["dns"].items()}


def dns(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records.get(name.rstrip("."))


def verdict(mail, index):
    try:
        return "pass" if dkim.DKIM(mail).verify(idx=index, dnsfunc=dns) else "fail"
    except Exception as e:  # whatever it is, the test shows it
        return repr(e)


def verdicts(mail):
    header = mail.split(b"\r\n\r\n")[0]
    count = len(re.findall(rb"(?mi)^dkim-signature:", header))
    return [verdict(mail, i) for i in range(count)]


json.dump([verdicts(base64.b64decode(m)) for m in task["mails"]], sys.stdout)
