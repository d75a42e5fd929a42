"""The mail with a link for a forgotten password. It names no center and nothing of a record."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from smtplib import SMTPException
from typing import Final
from urllib.parse import urljoin

from django.core.mail import send_mail
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from centers.account.limits import RESETS_OF_ACCOUNT, LimitsUnavailable, count
from centers.backends import may_sign_in
from centers.invitations import invitation_path, link_seconds, site_address
from centers.models import User

logger = logging.getLogger(__name__)
SUBJECT: Final = gettext_noop("Your password of the HD IL-2 registry")
TEXT: Final = gettext_noop("""Somebody, probably you, asked for a new password of the account {username}. Open this once to set it:

{url}

It works for {hours} hours and changes nothing else: your second factor stays. If it was not you, leave it alone.
""")


def send_reset_mails(user_ids: Iterable[int]) -> int:
    """Mail those who may sign in, at most three times an hour each; answers how many were sent."""
    return sum(_send(user) for user in User.objects.filter(pk__in=list(user_ids)))


def _send(user: User) -> bool:
    if not user.email or not may_sign_in(user):
        return False
    try:
        if count(RESETS_OF_ACCOUNT, str(user.pk)) > RESETS_OF_ACCOUNT.most:
            return False
        url = urljoin(site_address(), invitation_path(user))
        hours = link_seconds(user) // 3600
        text = _(TEXT).format(username=user.username, url=url, hours=hours)
        send_mail(_(SUBJECT), text, None, [user.email])
    except (OSError, SMTPException, LimitsUnavailable) as error:
        # The class alone: a server's answer repeats the address.
        logger.warning("a link could not be mailed: %s", type(error).__name__)
        return False
    return True
