"""Gas Town on Celery: many coding agents on many repositories, and their work on `main`.

The layers, highest first; imports go down, facts (events) go up:

    workers, beat                 Celery processes: tasks and ticks
    cli                           gt, bd
    town                          one installation: set-up, services, status, demo
    patrols                       checks shared by the witness, the deacon and `gt doctor`
    sling                         what "send this there" means: plan, dispatch
    convoys refinery sessions     work that travels together; the merge queue; live agents
    assignments molecules         what hangs on an agent's hook; work that follows a recipe
    agents beads rigs             identities; work items; repositories
    policy events                 town-wide settings; what happened (feed and outbox)
    git runtimes db queue         the doors to git, processes, SQL, Celery and Redis
    logs config errors ids clock
"""

__version__ = "0.1.0"
