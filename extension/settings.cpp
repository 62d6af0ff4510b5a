// See settings.h.
#include "settings.h"

#include "compat.h"

namespace podyn::settings {

int max_workers = 4;
int poll_interval = 200;
int batch_rows = 5000;
int batch_kilobytes = 1024;
int stream_delay = 1000;
char *allowed_endpoints = nullptr;
bool allow_credential_process = false;
bool dry_run = false;
int write_connections = 16;

namespace {

constexpr char kAwsAndLoopback[] =
    "*.amazonaws.com, *.amazonaws.com.cn, *.amazonaws.eu, *.api.aws, *.api.amazonwebservices.com.cn, "
    "*.api.amazonwebservices.eu, *.c2s.ic.gov, *.api.aws.ic.gov, *.sc2s.sgov.gov, *.api.aws.scloud, *.cloud.adc-e.uk, "
    "*.api.cloud-aws.adc-e.uk, *.csp.hci.ic.gov, *.api.aws.hci.ic.gov, localhost, 127.0.0.1, ::1";

}  // namespace

void define()
{
    DefineCustomIntVariable("podyn.max_workers", "Most worker processes of podyn in the whole server.", nullptr,
                            &max_workers, 4, 1, 64, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("podyn.poll_interval", "Time between two reads of a stream shard that had nothing new.",
                            "AWS allows five reads per second and shard.", &poll_interval, 200, 20, 60000, PGC_SIGHUP,
                            GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("podyn.batch_rows", "Most items or changes in one transaction.", nullptr, &batch_rows, 5000,
                            1, 100000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("podyn.batch_bytes", "Most bytes of changes in one transaction of a merge.", nullptr,
                            &batch_kilobytes, 1024, 64, 65536, PGC_SIGHUP, GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("podyn.stream_delay",
                            "Time after which a write that DynamoDB acknowledged is in the table's stream.",
                            "podyn_sync waits for reads of the stream that began this much after its call.",
                            &stream_delay, 1000, 0, 60000, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomStringVariable("podyn.allowed_endpoints", "Hosts that endpoints of servers may name.",
                               "Comma-separated; a leading \"*.\" stands for any subdomain.", &allowed_endpoints,
                               kAwsAndLoopback, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("podyn.allow_credential_process", "Allow credential_process of AWS's configuration files.",
                             nullptr, &allow_credential_process, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("podyn.dry_run", "Report writes to DynamoDB instead of sending them.", nullptr, &dry_run,
                             false, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("podyn.write_connections", "Most requests of one statement that write to DynamoDB at once.",
                            nullptr, &write_connections, 16, 1, 64, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    reserve_settings("podyn");
}

}  // namespace podyn::settings
