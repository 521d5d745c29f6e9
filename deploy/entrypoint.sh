#!/bin/sh
# What a container becomes: `migrate`, a role (keeper sessions refinery gates town beat flower), or any command.
#   healthy ROLE     exit status 0 when that worker of this host answers
set -eu

role=${1:-}
case "$role" in
    migrate)
        exec gt install --upgrade "$GASTOWN_TOWN"
        ;;
    keeper | sessions | refinery | gates | town | beat | flower)
        exec gt run "$role"
        ;;
    healthy)
        exec celery -A workers inspect ping --timeout 10 --destination "${2:?which role?}@${GASTOWN_HOST:-$(hostname)}"
        ;;
    "")
        echo "usage: entrypoint.sh ROLE | COMMAND [ARGUMENT...]" >&2
        exit 2
        ;;
    *)
        exec "$@"
        ;;
esac
