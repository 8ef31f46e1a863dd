/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/image.h"

#include <string.h>

#include "base/str.h"
#include "fleet/command.h"

#define LONGEST_NAME 255 /* no registry takes a longer reference */

struct image_ref
image_parse(const char *image)
{
	struct image_ref ref = {0};
	const char *digest = strchr(image, '@');
	const char *end = digest ? digest : image + strlen(image);
	const char *slash = memrchr(image, '/', (size_t)(end - image));
	const char *name = slash ? slash + 1 : image;
	const char *colon = memchr(name, ':', (size_t)(end - name));
	const char *name_end = colon ? colon : end;

	ref.repository = image;
	ref.repository_len = (size_t)(name_end - image);
	ref.name = name;
	ref.name_len = (size_t)(name_end - name);
	ref.tag = colon ? colon + 1 : end;
	ref.tag_len = (size_t)(end - ref.tag);
	ref.digest = digest ? digest + 1 : end;
	ref.digest_len = strlen(ref.digest);
	return ref;
}

bool
image_is(const char *image, const char *name)
{
	struct image_ref ref = image_parse(image);

	return ref.name_len == strlen(name) && memcmp(ref.name, name, ref.name_len) == 0;
}

/*
 * A glob has to fit the whole name, so that `chrome` is a browser and an image named chrome-agent is not. Words that
 * people also give to their own programs (proxy, agent, collector, reader) are left out on purpose.
 */
static const struct known list[] = {
	/* logs */
	{KNOWN_HELPER, "fluent-bit*", "log shipper"},
	{KNOWN_HELPER, "fluentbit*", "log shipper"},
	{KNOWN_HELPER, "fluentd*", "log shipper"},
	{KNOWN_HELPER, "filebeat*", "log shipper"},
	{KNOWN_HELPER, "logstash", "log shipper"},
	{KNOWN_HELPER, "promtail*", "log shipper"},
	{KNOWN_HELPER, "vector", "log shipper"},
	{KNOWN_HELPER, "vector-agent", "log shipper"},
	{KNOWN_HELPER, "rsyslog*", "log shipper"},
	{KNOWN_HELPER, "syslog-ng", "log shipper"},
	{KNOWN_HELPER, "logspout", "log shipper"},
	{KNOWN_HELPER, "logrotate", "log rotation"},
	/* metrics and traces */
	{KNOWN_HELPER, "otel-collector*", "telemetry collector"},
	{KNOWN_HELPER, "otelcol*", "telemetry collector"},
	{KNOWN_HELPER, "opentelemetry-collector*", "telemetry collector"},
	{KNOWN_HELPER, "aws-otel-collector", "telemetry collector"},
	{KNOWN_HELPER, "otc-container", "telemetry collector"},
	{KNOWN_HELPER, "grafana-agent", "telemetry collector"},
	{KNOWN_HELPER, "alloy", "telemetry collector"},
	{KNOWN_HELPER, "telegraf", "telemetry collector"},
	{KNOWN_HELPER, "collectd", "telemetry collector"},
	{KNOWN_HELPER, "metricbeat*", "telemetry collector"},
	{KNOWN_HELPER, "datadog-agent", "telemetry collector"},
	{KNOWN_HELPER, "newrelic-infra*", "telemetry collector"},
	{KNOWN_HELPER, "cloudwatch-agent", "telemetry collector"},
	{KNOWN_HELPER, "jaeger-agent", "telemetry collector"},
	{KNOWN_HELPER, "xray-daemon", "telemetry collector"},
	{KNOWN_HELPER, "aws-xray-daemon", "telemetry collector"},
	{KNOWN_HELPER, "thanos-sidecar", "telemetry collector"},
	{KNOWN_HELPER, "statsd", "telemetry collector"},
	{KNOWN_HELPER, "pushgateway", "telemetry collector"},
	{KNOWN_HELPER, "node?exporter", "metrics exporter"},
	{KNOWN_HELPER, "redis?exporter", "metrics exporter"},
	{KNOWN_HELPER, "statsd?exporter", "metrics exporter"},
	{KNOWN_HELPER, "postgres?exporter", "metrics exporter"},
	{KNOWN_HELPER, "mysqld?exporter", "metrics exporter"},
	{KNOWN_HELPER, "mongodb?exporter", "metrics exporter"},
	{KNOWN_HELPER, "memcached?exporter", "metrics exporter"},
	{KNOWN_HELPER, "elasticsearch?exporter", "metrics exporter"},
	{KNOWN_HELPER, "kafka?exporter", "metrics exporter"},
	{KNOWN_HELPER, "rabbitmq?exporter", "metrics exporter"},
	{KNOWN_HELPER, "nginx?exporter", "metrics exporter"},
	{KNOWN_HELPER, "nginx-prometheus-exporter", "metrics exporter"},
	{KNOWN_HELPER, "process-exporter", "metrics exporter"},
	{KNOWN_HELPER, "jmx?exporter", "metrics exporter"},
	{KNOWN_HELPER, "dcgm-exporter", "metrics exporter"},
	{KNOWN_HELPER, "metrics-exporter", "metrics exporter"},
	/* mesh and access */
	{KNOWN_HELPER, "istio-proxy", "service mesh"},
	{KNOWN_HELPER, "istio-init", "service mesh"},
	{KNOWN_HELPER, "istio-validation", "service mesh"},
	{KNOWN_HELPER, "proxyv2", "service mesh"},
	{KNOWN_HELPER, "linkerd-proxy", "service mesh"},
	{KNOWN_HELPER, "linkerd-init", "service mesh"},
	{KNOWN_HELPER, "linkerd-network-validator", "service mesh"},
	{KNOWN_HELPER, "consul-dataplane", "service mesh"},
	{KNOWN_HELPER, "kuma-sidecar", "service mesh"},
	{KNOWN_HELPER, "kuma-dp", "service mesh"},
	{KNOWN_HELPER, "envoy", "service mesh"},
	{KNOWN_HELPER, "envoy-sidecar", "service mesh"},
	{KNOWN_HELPER, "queue-proxy", "service mesh"},
	{KNOWN_HELPER, "kube-rbac-proxy", "access proxy"},
	{KNOWN_HELPER, "cloud-sql-proxy", "database proxy"},
	{KNOWN_HELPER, "cloud_sql_proxy", "database proxy"},
	{KNOWN_HELPER, "cloudsql-proxy", "database proxy"},
	{KNOWN_HELPER, "gce-proxy", "database proxy"},
	{KNOWN_HELPER, "alloydb-auth-proxy", "database proxy"},
	/* configuration */
	{KNOWN_HELPER, "config-reloader", "config reloader"},
	{KNOWN_HELPER, "configmap-reload", "config reloader"},
	{KNOWN_HELPER, "prometheus-config-reloader", "config reloader"},
	{KNOWN_HELPER, "k8s-sidecar", "config reloader"},
	{KNOWN_HELPER, "vault-agent", "secrets agent"},
	{KNOWN_HELPER, "vault-agent-init", "secrets agent"},
	{KNOWN_HELPER, "pause", "pause container"},

	{KNOWN_VPN, "gluetun*", "VPN client"},
	{KNOWN_VPN, "wireguard*", "WireGuard"},
	{KNOWN_VPN, "*-wireguard", "WireGuard"},
	{KNOWN_VPN, "wg-easy", "WireGuard"},
	{KNOWN_VPN, "wg-quick", "WireGuard"},
	{KNOWN_VPN, "wireproxy", "WireGuard"},
	{KNOWN_VPN, "amneziawg*", "WireGuard"},
	{KNOWN_VPN, "boringtun", "WireGuard"},
	{KNOWN_VPN, "openvpn*", "OpenVPN"},
	{KNOWN_VPN, "*-openvpn", "OpenVPN"},
	{KNOWN_VPN, "openconnect*", "VPN client"},
	{KNOWN_VPN, "strongswan*", "IPsec"},
	{KNOWN_VPN, "softether*", "VPN client"},
	{KNOWN_VPN, "tailscale", "Tailscale"},
	{KNOWN_VPN, "tailscale-*", "Tailscale"},
	{KNOWN_VPN, "tailscaled", "Tailscale"},
	{KNOWN_VPN, "ts-sidecar", "Tailscale"},
	{KNOWN_VPN, "zerotier*", "ZeroTier"},
	{KNOWN_VPN, "netbird", "NetBird"},
	{KNOWN_VPN, "netbird-*", "NetBird"},
	{KNOWN_VPN, "mullvad*", "VPN client"},
	{KNOWN_VPN, "nordvpn*", "VPN client"},
	{KNOWN_VPN, "nordlynx*", "VPN client"},
	{KNOWN_VPN, "proton?vpn*", "VPN client"},
	{KNOWN_VPN, "protonvpn*", "VPN client"},
	{KNOWN_VPN, "expressvpn*", "VPN client"},
	{KNOWN_VPN, "surfshark*", "VPN client"},
	{KNOWN_VPN, "cyberghost*", "VPN client"},
	{KNOWN_VPN, "windscribe*", "VPN client"},
	{KNOWN_VPN, "airvpn*", "VPN client"},
	{KNOWN_VPN, "ivpn*", "VPN client"},
	{KNOWN_VPN, "private-internet-access*", "VPN client"},
	{KNOWN_VPN, "warp", "Cloudflare WARP"},
	{KNOWN_VPN, "warp-svc", "Cloudflare WARP"},
	{KNOWN_VPN, "cloudflare-warp*", "Cloudflare WARP"},
	{KNOWN_VPN, "vpn", "VPN client"},
	{KNOWN_VPN, "vpn-client", "VPN client"},
	{KNOWN_VPN, "vpn-sidecar", "VPN client"},
	{KNOWN_VPN, "*-vpn", "VPN client"},

	{KNOWN_BROWSER, "chrome", "browser"},
	{KNOWN_BROWSER, "chromium", "browser"},
	{KNOWN_BROWSER, "google-chrome", "browser"},
	{KNOWN_BROWSER, "google-chrome-stable", "browser"},
	{KNOWN_BROWSER, "alpine-chrome", "browser"},
	{KNOWN_BROWSER, "chrome-browser", "browser"},
	{KNOWN_BROWSER, "chromium-browser", "browser"},
	{KNOWN_BROWSER, "headless-chrome", "browser"},
	{KNOWN_BROWSER, "headless-chromium", "browser"},
	{KNOWN_BROWSER, "chrome-headless", "browser"},
	{KNOWN_BROWSER, "chromium-headless", "browser"},
	{KNOWN_BROWSER, "chrome-headless-shell", "browser"},
	{KNOWN_BROWSER, "headless-shell", "browser"},
	{KNOWN_BROWSER, "chrome-cdp", "browser"},
	{KNOWN_BROWSER, "chromedp", "browser"},
	{KNOWN_BROWSER, "firefox", "browser"},
	{KNOWN_BROWSER, "headless-firefox", "browser"},
	{KNOWN_BROWSER, "firefox-headless", "browser"},
	{KNOWN_BROWSER, "camoufox*", "browser"},
	{KNOWN_BROWSER, "lightpanda", "browser"},
	{KNOWN_BROWSER, "neko", "browser"},
	{KNOWN_BROWSER, "browser", "browser"},
	{KNOWN_BROWSER, "headless-browser", "browser"},
	{KNOWN_BROWSER, "scraping-browser", "browser"},
	{KNOWN_BROWSER, "steel-browser*", "browser"},
	{KNOWN_BROWSER, "browserless", "browser service"},
	{KNOWN_BROWSER, "browserless-*", "browser service"},
	{KNOWN_BROWSER, "browser-driver", "browser driver"},
	{KNOWN_BROWSER, "chromedriver", "browser driver"},
	{KNOWN_BROWSER, "undetected-chromedriver", "browser driver"},
	{KNOWN_BROWSER, "geckodriver", "browser driver"},
	{KNOWN_BROWSER, "selenium", "browser driver"},
	{KNOWN_BROWSER, "selenium-hub", "browser driver"},
	{KNOWN_BROWSER, "selenium-grid", "browser driver"},
	{KNOWN_BROWSER, "selenium-node*", "browser driver"},
	{KNOWN_BROWSER, "selenium-standalone*", "browser driver"},
	{KNOWN_BROWSER, "selenium-chrome", "browser driver"},
	{KNOWN_BROWSER, "selenium-firefox", "browser driver"},
	{KNOWN_BROWSER, "standalone-chrome", "browser driver"},
	{KNOWN_BROWSER, "standalone-chromium", "browser driver"},
	{KNOWN_BROWSER, "standalone-firefox", "browser driver"},
	{KNOWN_BROWSER, "standalone-edge", "browser driver"},
	{KNOWN_BROWSER, "standalone-all-browsers", "browser driver"},
	{KNOWN_BROWSER, "standalone-chrome-debug", "browser driver"},
	{KNOWN_BROWSER, "standalone-firefox-debug", "browser driver"},
	{KNOWN_BROWSER, "node-chrome", "browser driver"},
	{KNOWN_BROWSER, "node-chromium", "browser driver"},
	{KNOWN_BROWSER, "node-firefox", "browser driver"},
	{KNOWN_BROWSER, "node-edge", "browser driver"},
	{KNOWN_BROWSER, "selenoid", "browser driver"},
	{KNOWN_BROWSER, "playwright", "browser driver"},
	{KNOWN_BROWSER, "playwright-mcp", "browser driver"},
	{KNOWN_BROWSER, "playwright-server", "browser driver"},
	{KNOWN_BROWSER, "playwright-service", "browser driver"},
	{KNOWN_BROWSER, "playwright-chrome", "browser driver"},
	{KNOWN_BROWSER, "playwright-chromium", "browser driver"},
	{KNOWN_BROWSER, "puppeteer", "browser driver"},
	{KNOWN_BROWSER, "puppeteer-service", "browser driver"},
	{KNOWN_BROWSER, "puppeteer-mcp", "browser driver"},
	{KNOWN_BROWSER, "rendertron", "browser service"},
	{KNOWN_BROWSER, "splash", "scraper"},
	{KNOWN_BROWSER, "firecrawl", "scraper"},
	{KNOWN_BROWSER, "firecrawl-*", "scraper"},
	{KNOWN_BROWSER, "crawl4ai", "scraper"},
	{KNOWN_BROWSER, "flaresolverr", "scraper"},
	{KNOWN_BROWSER, "byparr", "scraper"},
	{KNOWN_BROWSER, "scrapyd", "scraper"},
	{KNOWN_BROWSER, "scrapy", "scraper"},
	{KNOWN_BROWSER, "scrapoxy", "scraper"},
	{KNOWN_BROWSER, "crawlee", "scraper"},
	{KNOWN_BROWSER, "scraper", "scraper"},
	{KNOWN_BROWSER, "web-scraper", "scraper"},
	{KNOWN_BROWSER, "crawler", "scraper"},
	{KNOWN_BROWSER, "web-crawler", "scraper"},
};

const struct known *
known_list(size_t *n)
{
	*n = COUNT_OF(list);
	return list;
}

const char *
known_group_name(enum known_group group)
{
	static const char *const names[] = {
		[KNOWN_HELPER] = "helper",
		[KNOWN_VPN] = "vpn",
		[KNOWN_BROWSER] = "browser",
	};

	return names[group];
}

/* Most differ in their first byte: the call is what costs. */
static bool
fits(const char *glob, const char *name)
{
	return (*glob == *name || *glob == '*' || *glob == '?') && str_glob(glob, name);
}

/* Bits of container.sorts; those of the groups follow. */
enum { SORT_FOUND_OUT = 1, SORT_PIPELOCK = 2, SORT_GROUP = 4 };

const struct known *
known_find(enum known_group group, const struct container *c)
{
	char name[LONGEST_NAME + 1] = "";
	struct image_ref ref;

	if (c->sorts && !(c->sorts & SORT_GROUP << group))
		return NULL;
	ref = image_parse(c->image);
	if (ref.name_len < sizeof(name))
		memcpy(name, ref.name, ref.name_len);
	for (size_t i = 0; i < COUNT_OF(list); i++) {
		if (list[i].group == group && (fits(list[i].glob, name) || fits(list[i].glob, c->name)))
			return &list[i];
	}
	return NULL;
}

bool
known_has(enum known_group group, const struct container *c)
{
	return c->sorts ? c->sorts & SORT_GROUP << group : known_find(group, c) != NULL;
}

/* Nearly all containers end here, before any command line is taken apart. */
static bool
mentions_pipelock(const struct container *c)
{
	for (size_t i = 0; i < c->n_command; i++)
		if (str_has(c->command[i], "pipelock"))
			return true;
	for (size_t i = 0; i < c->n_args; i++)
		if (str_has(c->args[i], "pipelock"))
			return true;
	return false;
}

static bool
runs_pipelock(const struct container *c)
{
	AUTO(arena) struct arena scratch = {0};
	const char *const *argv;
	size_t n;
	bool named = strcmp(c->name, "pipelock") == 0 || image_is(c->image, "pipelock");

	if (c->class != CONTAINER_MAIN && c->class != CONTAINER_SIDECAR)
		return false;
	if (!named && !mentions_pipelock(c))
		return false;
	argv = command_line(&scratch, c, &n);
	switch (command_pipelock(&scratch, c, argv, n, NULL).use) {
	case PIPELOCK_RUN:
		return true;
	case PIPELOCK_OTHER:
		return false;
	case PIPELOCK_UNSEEN:
	case PIPELOCK_BESIDE: /* someone else's container with a firewall in its background is not the firewall */
		break;
	}
	return named;
}

bool
container_is_pipelock(const struct container *c)
{
	return c->sorts ? c->sorts & SORT_PIPELOCK : runs_pipelock(c);
}

unsigned char
container_sorts(const struct container *c)
{
	unsigned sorts = SORT_FOUND_OUT;

	if (runs_pipelock(c))
		sorts |= SORT_PIPELOCK;
	for (unsigned group = 0; group < KNOWN_GROUPS; group++)
		if (known_find(group, c))
			sorts |= (unsigned)SORT_GROUP << group;
	return (unsigned char)sorts;
}
