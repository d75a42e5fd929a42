"""One-time links by e-mail, where a mail server is set up. The mail names nobody and no center."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Final

from django.conf import settings
from django.core.mail import send_mail
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from centers.models import User

logger = logging.getLogger(__name__)
# Messages of this backend stay in the process: a registry under test.
_IN_MEMORY: Final = "django.core.mail.backends.locmem.EmailBackend"
_TEXT: Final = gettext_noop("""An administrator of the HD IL-2 registry made a link for you. Open it once to set your password:

{url}

It works for {hours} hours. If you did not expect it, tell the administrator and leave it alone.
""")


def mail_is_set_up() -> bool:
    """Whether the settings name a mail server."""
    return bool(settings.EMAIL_HOST) or settings.EMAIL_BACKEND == _IN_MEMORY


def mail_link(user: User, url: str) -> bool:
    """Send the link to the person; False when there is no way, no address, or it failed."""
    if not user.email or not mail_is_set_up():
        return False
    text = _(_TEXT).format(url=url, hours=settings.PASSWORD_RESET_TIMEOUT // 3600)
    try:
        send_mail(_("Your link to the HD IL-2 registry"), text, None, [user.email])
    except (OSError, SMTPException) as error:
        # The class alone: a server's answer repeats the address.
        logger.warning("a one-time link could not be mailed: %s", type(error).__name__)
        return False
    return True
