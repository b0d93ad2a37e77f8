/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/redact.h"

#include "check.h"
#include "random.h"

#define R REDACT_MARK

/* Command lines, their arguments apart by "|"; without their secrets; NULL: they have none. */
static const struct {
	const char *given, *expected;
} cases[] = {
	/* values of options */
	{ "app|--password|S", "app|--password|" R },
	{ "app|--password=S", "app|--password=" R },
	{ "app|--password|--S", "app|--password|" R },
	{ "app|-password|S", "app|-password|" R },
	{ "app|--db-pass|S|--db-host|h", "app|--db-pass|" R "|--db-host|h" },
	{ "app|--dbPwd=S", "app|--dbPwd=" R },
	{ "app|--api-token|S", "app|--api-token|" R },
	{ "app|--client-secret=S S", "app|--client-secret=" R },
	{ "app|--api_key|S", "app|--api_key|" R },
	{ "app|--credentials|S", "app|--credentials|" R },
	{ "app|--aws-access-key-id=S", "app|--aws-access-key-id=" R },
	{ "app|--PASSWD=S", "app|--PASSWD=" R },
	{ "app|--basic-auth|u:S", "app|--basic-auth|" R },
	{ "app|--password-file|/run/p|--key-type=rsa", NULL },
	{ "app|--no-password|host|--ask-password|host", NULL },
	{ "java|-Djavax.net.ssl.trustStorePassword=S|-jar|x.jar",
	  "java|-Djavax.net.ssl.trustStorePassword=" R "|-jar|x.jar" },
	{ "openssl|enc|-pass|pass:S|-k|S|-in|f", "openssl|enc|-pass|" R "|-k|" R "|-in|f" },
	{ "cat|keyboard.txt|monkey=1|--compass=north|--bypass=x", NULL },
	/* letters, which mean it in some programs alone */
	{ "mysql|-uroot|-pS|db", "mysql|-uroot|-p" R "|db" },
	{ "/usr/bin/mysqldump|-vpS|-p|db", "/usr/bin/mysqldump|-vp" R "|-p|db" },
	{ "sudo|-n|mariadb-dump|-pS", "sudo|-n|mariadb-dump|-p" R },
	{ "docker|exec|net|mysql|-pS", "docker|exec|net|mysql|-p" R },
	{ "sshpass|-p|S|ssh|-p|22|h", "sshpass|-p|" R "|ssh|-p|" R "|h" },
	{ "sshpass|-pS|ssh|h", "sshpass|-p" R "|ssh|h" },
	{ "ssh|-p|22|-l|me|h", NULL },
	{ "docker|run|-p|8080:80|nginx", NULL },
	{ "docker|login|-u|net|-p|S|host", "docker|login|-u|net|-p|" R "|host" },
	{ "redis-cli|-a|S|ping", "redis-cli|-a|" R "|ping" },
	{ "redis-cli|CONFIG|SET|requirepass|S", "redis-cli|CONFIG|SET|requirepass|" R },
	{ "ldapsearch|-xw|S|-H|ldap://h", "ldapsearch|-xw|" R "|-H|ldap://h" },
	{ "unzip|-P|S|a.zip", "unzip|-P|" R "|a.zip" },
	{ "7za|x|-pS|a.7z", "7za|x|-p" R "|a.7z" },
	{ "smbclient|//h/s|-U|u%S", "smbclient|//h/s|-U|" R },
	{ "htpasswd|-b|file|net|S", "htpasswd|-b|file|net|" R },
	{ "htpasswd|-nb|u|S", "htpasswd|-nb|u|" R },
	{ "sqlplus|scott/S@db", "sqlplus|scott/" R },
	{ "xfreerdp|/u:me|/p:S|/v:h", "xfreerdp|/u:me|/p:" R "|/v:h" },
	{ "nmcli|dev|wifi|connect|net|password|S", "nmcli|dev|wifi|connect|net|password|" R },
	{ "snmpget|-c|S|h", "snmpget|-c|" R "|h" },
	{ "vault|login|S", "vault|login|" R },
	{ "vault|kv|put|secret/a|x=S", "vault|kv|put|secret/a|x=" R },
	{ "vault|kv|get|secret/a", NULL },
	{ "ssh-keygen|-t|rsa|-N|S|-f|f", "ssh-keygen|-t|rsa|-N|" R "|-f|f" },
	{ "ssh-keygen|-p|-P|S|-qNS", "ssh-keygen|-p|-P|" R "|-qN" R },
	{ "aws|configure|set|aws_secret_access_key|S",
	  "aws|configure|set|aws_secret_access_key|" R },
	{ "aws|configure|set|region|r", NULL },
	{ "npm|config|set|//registry.npmjs.org/:_authToken|S",
	  "npm|config|set|//registry.npmjs.org/:_authToken|" R },
	{ "kubectl|create|secret|generic|a|--from-literal=b=S|--from-literal|c=S",
	  "kubectl|create|secret|generic|a|--from-literal=" R "|--from-literal|" R },
	{ "kubectl|get|secret|a", NULL },
	/* curl */
	{ "curl|-u|u:S|https://h/p", "curl|-u|" R "|https://h/p" },
	{ "curl|-uu:S", "curl|-u" R },
	{ "curl|-sSu|u:S|-o|u", "curl|-sSu|" R "|-o|u" },
	{ "curl|-ou|https://h", NULL },
	{ "curl|--user=u:S|--proxy-user|u:S", "curl|--user=" R "|--proxy-user|" R },
	{ "curl|-H|Authorization: Bearer S", "curl|-H|Authorization: " R },
	{ "curl|-HX-Api-Key:S", "curl|-HX-Api-Key:" R },
	{ "curl|-H|Cookie: a=S; b=S|-H|Accept: text/html",
	  "curl|-H|Cookie: " R "|-H|Accept: text/html" },
	{ "curl|-d|user=u&password=S&x=1", "curl|-d|user=u&password=" R "&x=1" },
	{ "curl|-d|{\"user\":\"u\",\"password\":\"S\",\"x\":1}",
	  "curl|-d|{\"user\":\"u\",\"password\":" R ",\"x\":1}" },
	{ "curl|https://h/p?token=S&x=1#f", "curl|https://h/p?token=" R "&x=1#f" },
	{ "curl|https://h/p?x=1&code=S&state=2", "curl|https://h/p?x=1&code=" R "&state=2" },
	{ "curl|https://h/p?barcode=1|code=1", NULL },
	/* URLs */
	{ "git|clone|https://u:S@h/r.git", "git|clone|https://" R "@h/r.git" },
	{ "git|clone|https://S@h/r.git", "git|clone|https://" R "@h/r.git" },
	{ "git|clone|ssh://git@h/r.git", NULL },
	{ "app|postgres://u:S/S@h:5432/db", "app|postgres://" R "@h:5432/db" },
	{ "app|--url=redis://:S@h:6379/0", "app|--url=redis://" R "@h:6379/0" },
	{ "app|http://h:8080/a@b|mailto:a@b", NULL },
	{ "app|-dsn|u:S@tcp(h:3306)/db?x=1", "app|-dsn|u:" R "@tcp(h:3306)/db?x=1" },
	{ "app|--dsn=u:S/S=@unix(/run/s)/db", "app|--dsn=u:" R "@unix(/run/s)/db" },
	{ "app|u@tcp(h:3306)/db|a:b@c(d)", NULL },
	/* variables, and what is like them */
	{ "env|PGPASSWORD=S|psql|-h|h", "env|PGPASSWORD=" R "|psql|-h|h" },
	{ "env|AWS_SECRET_ACCESS_KEY=S|LANG=C|aws", "env|AWS_SECRET_ACCESS_KEY=" R "|LANG=C|aws" },
	{ "docker|run|-e|DB_PASS=S S|i", "docker|run|-e|DB_PASS=" R "|i" },
	{ "docker|run|--env=TOKEN=S|i", "docker|run|--env=TOKEN=" R "|i" },
	{ "mount|-o|user=u,password=S,S", "mount|-o|user=u,password=" R },
	{ "psql|host=h password=S dbname=d", "psql|host=h password=" R " dbname=d" },
	{ "psql|host=h password='S S' dbname=d", "psql|host=h password=" R " dbname=d" },
	/* command lines in one argument */
	{ "sh|-c|mysql -uroot -pS db", "sh|-c|mysql -uroot -p" R " db" },
	{ "sh|-c|exec curl -u 'u:S S' https://h", "sh|-c|exec curl -u " R " https://h" },
	{ "bash|-c|curl -H \"Authorization: Bearer S\" https://h",
	  "bash|-c|curl -H \"Authorization: " R "\" https://h" },
	{ "sh|-c|app --token S --port 1", "sh|-c|app --token " R " --port 1" },
	{ "sh|-c|PASSWORD=S app", "sh|-c|PASSWORD=" R },
	{ "ssh|h|X=1 API_TOKEN=S app", "ssh|h|X=1 API_TOKEN=" R " app" },
	/* what is one by its look */
	{ "app|ghp_S0123456789abcdefghij|x", "app|" R "|x" },
	{ "app|x AKIAS0123456789ABCDE y", "app|x " R " y" },
	{ "app|bearer S", "app|bearer " R },
	{ "app|-----BEGIN PRIVATE KEY----- S", "app|-----BEGIN PRIVATE KEY-----" R },
	/* nothing */
	{ "sleep|60", NULL },
	{ "python3|-m|http.server|8000", NULL },
	{ "nginx: master process /usr/sbin/nginx -g daemon off;", NULL },
	{ "/usr/lib/systemd/systemd|--switched-root|--system|--deserialize=35", NULL },
	{ "|", NULL },
};

static void redact_line(const char *line, struct buf *out)
{
	struct redact redact = { .value_next = false };

	for (;;) {
		size_t length = strcspn(line, "|");
		char *argument = (char *)check_guarded(line, length);

		redact_argument(&redact, argument, length, out);
		if (!line[length])
			break;
		buf_append_char(out, '|');
		line += length + 1;
	}
}

static void test_table(void)
{
	char room[1024];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = { .data = room, .capacity = sizeof room - 1 };

		redact_line(cases[i].given, &out);
		room[out.length] = '\0';
		CHECK_TEXT(room, cases[i].expected ? cases[i].expected : cases[i].given, "%s",
		           cases[i].given);
	}
}

static void test_long(void)
{
	static char argument[REDACT_MAX + 1];
	static char room[2 * REDACT_MAX];
	struct redact redact = { .value_next = false };
	struct buf out = { .data = room, .capacity = sizeof room };

	memset(argument, 'x', sizeof argument);
	redact_argument(&redact, argument, REDACT_MAX, &out);
	CHECK(!out.overflow && out.length == REDACT_MAX, "the longest argument");
	redact_argument(&redact, argument, REDACT_MAX + 1, &out);
	CHECK(out.overflow && out.length == REDACT_MAX, "a longer one is refused");
	memset(argument, '=', sizeof argument);
	buf_reset(&out);
	redact_argument(&redact, argument, REDACT_MAX, &out);
	CHECK_EQUAL(out.length, REDACT_MAX, "signs without names");
}

/* Parts that mean something, in any order. */
static void test_random(void)
{
	static const char *const parts[] = { "--password", "=", ":",    " ",     "\"", "'", "token",
		                             "-u",         "@", "://",  "http",  "&",  "?", "\\",
		                             "-pS",        "|", "curl", "mysql", "x",  "\n" };
	struct random random = random_begin();
	size_t most = 0;

	for (int round = 0; round < 20000; round++) {
		char line[512] = "", room[4096];
		struct buf out = { .data = room, .capacity = sizeof room };
		struct redact redact = { .value_next = false };
		size_t length = 0;

		for (uint64_t count = random_below(&random, 20); count > 0; count--) {
			const char *part = parts[random_below(&random, 20)];

			memcpy(line + length, part, strlen(part));
			length += strlen(part);
		}
		redact_argument(&redact, line, length, &out);
		most = out.length > most ? out.length : most;
	}
	CHECK(most > 0, "twenty thousand random ones, at most %zu bytes", most);
}

int main(void)
{
	test_table();
	test_long();
	test_random();
	return check_done();
}
