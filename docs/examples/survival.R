# Median progression-free survival of the eligible cohort, in days. Needs jsonlite and curl.
# Usage: REGISTRY=https://registry.example CLIENT_ID=... CLIENT_SECRET=... Rscript survival.R
env <- Sys.getenv(c("REGISTRY", "CLIENT_ID", "CLIENT_SECRET"))
ask <- function(path, handle) jsonlite::fromJSON(rawToChar(
  curl::curl_fetch_memory(paste0(env[["REGISTRY"]], path), handle)$content))
form <- curl::new_handle(userpwd = paste0(env[["CLIENT_ID"]], ":", env[["CLIENT_SECRET"]]))
token <- ask("/api/v1/token", curl::handle_setopt(form, postfields = "grant_type=client_credentials"))
bearer <- curl::handle_setheaders(curl::new_handle(), Authorization = paste("Bearer", token$access_token))
found <- ask("/api/v1/survival?cohort=eligible&endpoint=pfs", bearer)
print(found$groups$median_days)
