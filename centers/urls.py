"""Sign-in, sign-out, and the first password of an invited person; the own account.

Nothing of allauth is included: what it serves stands here line by line. `account_login` and
`mfa_authenticate` are the names it looks up.
"""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.decorators.http import require_http_methods

from centers.access import public
from centers.account import entrance, hospital, pages
from centers.session_views import session_keep
from centers.views import WelcomeView, confirm

# Django's view answers any method: an invalid link's page comes before it looks at the method.
_GET_POST = require_http_methods(["GET", "HEAD", "POST"])

urlpatterns = [
    path("sign-in/", entrance.sign_in, name="login"),
    path("sign-in/", entrance.sign_in, name="account_login"),
    path("sign-in/second-factor/", entrance.second_factor, name="mfa_authenticate"),
    path("sign-in/passkey/", entrance.passkey_sign_in, name="passkey_sign_in"),
    path("sign-in/hospital/", hospital.start, name="hospital_sign_in"),
    path("sign-in/hospital/return/", hospital.come_back, name="hospital_return"),
    path("sign-in/forgotten/", entrance.forgotten, name="password_forgotten"),
    path("sign-out/", public(LogoutView.as_view()), name="logout"),
    path("welcome/<uidb64>/<token>/", _GET_POST(public(WelcomeView.as_view())), name="welcome"),
    path("confirm/", confirm, name="confirm"),
    path("account/", pages.account, name="account"),
    path("account/second-factor/", pages.setup, name="account_setup"),
    path("account/second-factor/app/", pages.add_app, name="account_add_app"),
    path("account/second-factor/passkey/", pages.add_passkey, name="account_add_passkey"),
    path("account/second-factor/remove/", pages.remove, name="account_remove_factor"),
    path("account/recovery-codes/", pages.recovery_codes, name="account_recovery_codes"),
    path("account/password/", pages.password, name="account_password"),
    path("account/session/", session_keep, name="session_keep"),
    path("account/sessions/end/", pages.end_session, name="account_end_session"),
    path("", include("centers.audit_urls")),
    path("administration/", include("centers.urls_administration")),
]
