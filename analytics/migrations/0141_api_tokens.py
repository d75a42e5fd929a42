"""Who may write the tokens of API clients: the app, and only their hashes reach the table."""

from django.db import migrations

from centers.database import APP, sql

# The database itself refuses a token in plain text.
TOKENS = f"""
alter table oauth2_provider_accesstoken add constraint oauth2_provider_accesstoken_hashed
    check (token = '' and application_id is not null and user_id is null);
grant select, insert, delete on oauth2_provider_accesstoken to {APP};
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0140_api_client"),
        ("oauth2_provider", "0022_refreshtoken_token_family_index"),
    ]

    operations = [
        sql(
            TOKENS,
            f"revoke all on oauth2_provider_accesstoken from {APP};"
            " alter table oauth2_provider_accesstoken drop constraint oauth2_provider_accesstoken_hashed;",
        )
    ]
