"""moto's server, which takes each request for one over TLS; run with the port as the argument.

moto judges a bucket's policy without its conditions (5.2: IAMPolicyStatement.is_action_permitted), so that a policy
which denies all that does not come over TLS denies everything. Here such statements are left out of the judgement.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from moto.s3.models import FakeBucket
from moto.server import main

judge = FakeBucket.get_permission


def judge_over_tls(bucket: FakeBucket, action: str, resource: str) -> Any:
    stored = bucket.policy
    if stored:
        policy = json.loads(stored)
        over_tls = {"Bool": {"aws:SecureTransport": "false"}}
        policy["Statement"] = [one for one in policy["Statement"] if one.get("Condition") != over_tls]
        bucket.policy = json.dumps(policy).encode()
    try:
        return judge(bucket, action, resource)
    finally:
        bucket.policy = stored


if __name__ == "__main__":
    setattr(FakeBucket, "get_permission", judge_over_tls)  # noqa: B010
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
