"""Signs with dkimpy. It reads {"form": header/body, "rsa": PEM, "ed25519": base64, "mails": [base64]} and answers with the mails,
each with two signatures on top: of k "r" (RSA) and "e" (Ed25519), both of shop.test."""

import base64
import json
import sys

import dkim

task = json.load(sys.stdin)
form = tuple(word.encode() for word in task["form"].split("/"))
keys = ((b"r", b"rsa-sha256", task["rsa"].encode()), (b"e", b"ed25519-sha256", task["ed25519"].encode()))


def signed(mail):
    fields = [dkim.sign(mail, selector, b"shop.test", key, canonicalize=form, signature_algorithm=algorithm)
              for selector, algorithm, key in keys]
    return b"".join(fields) + mail


json.dump([base64.b64encode(signed(base64.b64decode(m))).decode() for m in task["mails"]], sys.stdout)
