"""What a cluster says of its topics' settings. Reads only."""

from collections.abc import Collection, Iterable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError


async def topic_settings(
    admin: AIOKafkaAdminClient, topics: Iterable[str], names: Collection[str]
) -> dict[str, dict[str, str]]:
    """These settings of each topic by name; topics whose settings are hidden from this user are left out.

    admin  started
    """
    wanted = [ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(names, "")) for topic in topics]
    if not wanted:
        return {}
    try:
        answers = await admin.describe_configs(wanted)
    except KafkaError:  # a broker that does not know the question
        return {}
    found = [one for answer in answers for one in answer.resources]
    return {
        topic: {entry[0]: entry[1] for entry in entries} for code, _, _, topic, entries in found if not code
    }
