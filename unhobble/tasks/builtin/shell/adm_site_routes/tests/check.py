import subprocess
import sys
import tempfile
from pathlib import Path

# Each case: configuration files below etc, documents below srv, and requests with their answers.

SYNTAX = (
    {
        "gate.conf": r'''
upstream a{server 10.1.0.1:80;}#no blank
include parts/*;include "single/one file.conf";
include none/*.conf;
server {
  listen 90; server_name last.example
     also.example; return 200 "last; {not} a 'block' # here";
}
''',
        "parts/9.conf": "server { listen 90; server_name nine.example; return 200 nine; }\n",
        "parts/10.conf": "server { listen 90; server_name ten.example; include inner/ten/*.inc; }\n",
        "parts/B.conf": "server{listen 90;server_name b.example both.example;return 200 'it\\'s';}\n",
        "parts/a.conf": '# server { listen 91; }\nserver { listen 90; server_name a.example both.example; return 200 "say \\"a#b\\" 1"; }\n',
        "parts/.hidden.conf": "server { listen 92; return 200 hidden; }\n",
        "inner/ten/x.inc": "location /x{return 200 x#y;}\ninclude inner/ten/deep/*.conf;\n",
        "inner/ten/.y.inc": "location /y { return 200 y; }\n",
        "inner/ten/deep/z[1].conf": 'location ~ "^/z{2}$" { return 200 zz; }\nlocation ~ \'^/q\\d+;\' { return 200 "$uri"; }\n',
        "inner/ten/deep/z1.txt": "location /z { return 200 wrong; }\n",
        "single/one file.conf": "server { listen 93; server_name one.example; include single/site[1].conf; }\n",
        "single/site[1].conf": "return 204;\n",
        "single/site1.conf": "return 200 wrong;\n",
    },
    [],
    """\
90 last.example / | 200 text last; {not} a 'block' # here
90 also.example /any | 200 text last; {not} a 'block' # here
90 nine.example / | 200 text nine
90 ten.example /x/1 | 200 text x#y
90 ten.example /y | 404
90 ten.example /zz | 200 text zz
90 ten.example /zzz | 404
90 ten.example /q12;b | 200 text /q12;b
90 b.example / | 200 text it's
90 a.example / | 200 text say "a#b" 1
90 other.example /x | 200 text x#y
90 both.example / | 200 text it's
91 a.example / | refused
92 a.example / | refused
93 a.example / | 204
""",
)

SITES = (
    {
        "gate.conf": r'''
server { listen 80; listen 8443; server_name first.example "~^(?P<x>re)\d"; return 200 first; }
server { listen 80; server_name .dot.example Mixed.Example; return 200 dot; }
server { listen 80; server_name *.dot.example2 *.a.dot.example; server_name www.* ; return 200 stars; }
server { listen 80; server_name www.shop.* ~\.X$ ~^www\.zzz\.; return 200 end; }
server { listen 80 default_server; server_name www.named.example ~x\.dot; return 200 default; }
server { listen 80; server_name www.named.example first.example; listen 8080; return 200 second; }
server { server_name ~^re ~(?i)UP ~port; return 200 "regex $host $port"; }
server { listen 8081 ; listen 8080 default_server; server_name other.example; return 200 other; }
server { listen 8443; listen 443 default_server; server_name *.dot.example; return 200 secure; }
''',
    },
    [],
    """\
80 first.example / | 200 text first
80 FIRST.Example.:80 / | 200 text first
80 re5 / | 200 text first
80 ret / | 200 text regex ret 80
80 startUp:8080 / | 200 text regex startup 80
80 dot.example / | 200 text dot
80 x.dot.example / | 200 text dot
80 x.a.dot.example / | 200 text stars
80 a.dot.example / | 200 text dot
80 xdot.example / | 200 text default
80 mixed.example / | 200 text dot
80 b.dot.example2 / | 200 text stars
80 www.dot.example / | 200 text dot
80 www.any / | 200 text stars
80 www.shop.example / | 200 text end
80 www.zzz.example / | 200 text stars
80 www. / | 200 text default
80 www.named.example / | 200 text default
80 mail.x / | 200 text default
80 - / | 200 text default
80 unknown / | 200 text default
8080 first.example / | 200 text second
8080 unknown / | 200 text other
8081 first.example / | 200 text other
8443 unknown / | 200 text first
8443 dot.example / | 200 text first
8443 q.dot.example / | 200 text secure
443 first.example / | 200 text secure
444 first.example / | refused
80 unknown /../x | 400
444 unknown /.. | 400
80 unknown x/y | 400
""",
)

LOCATIONS = (
    {
        "gate.conf": r'''
server {
    location / { return 200 root; }
    location = / { return 200 exact; }
    location = /a/b { return 200 "exact a/b"; }
    location /a/ { return 200 a; }
    location /a/b/ { return 200 ab; location /a/b/c { return 200 abc; } location ~ \.in$ { return 200 inner-regex; } }
    location ^~ /static { return 200 static; location ~ \.php$ { return 200 "inner php $1|"; } }
    location ~ \.php$ { return 200 "php$1"; }
    location ~* ^/(img|pic)/(.*)\.PNG$ { return 200 "$1 $2 $3|"; }
    location ~ ^/img/ { return 200 img; location = /img/x { return 200 x; } }
    location /img/long/prefix/ { return 200 no; }
    location /vars { return 200 "$uri?$args $request_uri$is_args$host:$port $1 $"; }
    location ~ "^/(u)(x)?/" { return 302 /to/$2$1$is_args$args; }
    location /code { return 418; location /code/308 { return 308 "https://$host$request_uri"; } location /code/300 { return 300 /x; }
        location /code/309 { return 309 /y; } location = /code/301 { return 301; } }
    location "/with blank" { return 200 blank; }
    location /st { return 200 st; location ~ ^/st.*e { location /stage { return 200 stage; } } }
}
''',
    },
    [],
    """\
80 h / | 200 text exact
80 h /? | 200 text exact
80 h // | 200 text exact
80 h /x | 200 text root
80 h /a | 200 text root
80 h /a/b | 200 text exact a/b
80 h /a/./b | 200 text exact a/b
80 h /a/b/. | 200 text ab
80 h /a/b/.. | 200 text a
80 h /a/%62 | 200 text exact a/b
80 h /a%2f%2Fb | 200 text exact a/b
80 h /a/b/cd | 200 text abc
80 h /a/b/c.in | 200 text inner-regex
80 h /a/b/c.php | 200 text php
80 h /static.php | 200 text inner php |
80 h /statics/x | 200 text static
80 h /IMG/x.png | 200 text IMG x |
80 h /img/a/b.Png | 200 text img a/b |
80 h /img/x | 200 text x
80 h /img/long/prefix/y | 200 text img
80 h /img/a%2F..%2fx | 200 text x
80 H.:80 /vars/%41//b/?q=%41&r | 200 text /vars/A/b/?q=%41&r /vars/%41//b/?q=%41&r?h:80  $
80 h /vars | 200 text /vars? /varsh:80  $
80 h /u/1?z | 302 to /to/u?z
80 h /ux/ | 302 to /to/xu
80 h /code/1 | 418
80 h /code/308/?a=b | 308 to https://h/code/308/?a=b
80 h /code/300 | 300 text /x
80 h /code/309 | 309 text /y
80 h /code/301 | 301
80 h /with%20blank/x | 200 text blank
80 h /stage | 200 text stage
80 h /style | 404
80 h /sty | 200 text st
80 h /a/../../b | 400
80 h /a/b/c/../../../.. | 400
80 h /%2e%2e/x | 400
80 h /x/%2e%2E | 200 text exact
""",
)

DOCUMENTS = (
    {
        "gate.conf": r'''
server {
    root /srv/main;
    index index.php home.html;
    error_page 404 403 /err/all.html;
    error_page 500 502 =200 /err/sorry.html;
    location /plain/ { index home.html; }
    location ~ \.php$ { return 200 "php $uri"; }
    location /try/ { try_files $uri $uri/ /fallback$is_args$args =404; }
    location /try2/ { try_files $uri /plain/$host.html /try2/loop/ /go?from=$uri&$args; }
    location /go { return 200 "$uri $args $request_uri"; }
    location /code/ { try_files $uri =410; error_page 410 /err/gone.html; }
    location /nofallback/ { try_files $uri =404; error_page 403 /err/all.html; }
    location /alias/ { alias /srv/other/; location /alias/sub/ { } location ~ ^/alias/re/(.*)$ { alias /srv/other/$1; }
        location /alias/main/ { root /srv/main; } }
    location /bare { alias /srv/other; }
    location /hidden/ { internal; }
    location /loop { try_files /none /loop2; }
    location /loop2 { try_files /none /loop; }
    location /inner500 { error_page 500 503 /err/none.html; return 500; }
    location /sorry { return 502; }
    location /503 { return 503; }
    location /err/ { internal; error_page 404 /err/all.html; }
    location /temp { error_page 404 =202 /err/all.html; error_page 401 405 /go?e; return 405; }
    location /acc { error_page 404 =202 /err/all.html; }
    location /moved { error_page 404 /plain; }
}
server { server_name bare.example; location /x { root /srv/$host; } }
server { server_name gone.example; root /srv/main; error_page 410 /err/gone.html; error_page 404 /nowhere; return 410; }
''',
    },
    [
        "main/index.php", "main/plain/home.html", "main/plain/h.html", "main/plain/index.php", "main/empty/x.txt", "main/err/all.html",
        "main/err/sorry.html", "main/err/gone.html", "main/try/d/home.html", "main/try/f", "main/try2/loop/x", "main/fallback", "main/code/c",
        "other/o.txt", "other/sub/s.txt", "other/sub/home.html", "main/alias/main/m", "main/hidden/home.html", "main/hidden/h",
        "bare.example/x/y", "main/b c.txt", "main/Ünder", "other/re",
    ],
    """\
80 h / | 200 text php /index.php
80 h /plain/ | 200 file /srv/main/plain/home.html
80 h /plain | 301 to /plain/
80 h /plain?a=1 | 301 to /plain/?a=1
80 h /plain/index.php | 200 text php /plain/index.php
80 h /plain/none | 404 file /srv/main/err/all.html
80 h /plain/home.html/ | 404 file /srv/main/err/all.html
80 h /empty/ | 403 file /srv/main/err/all.html
80 h /empty/../b%20c.txt | 200 file /srv/main/b c.txt
80 h /%C3%9Cnder | 200 file /srv/main/Ünder
80 h /try/f | 200 file /srv/main/try/f
80 h /try/f/ | 200 file /srv/main/fallback
80 h /try/d | 200 file /srv/main/try/d/home.html
80 h /try/d/ | 200 file /srv/main/try/d/home.html
80 h /try/zz | 200 file /srv/main/fallback
80 h /try/zz?a | 404 file /srv/main/err/all.html
80 h /try2/a?b | 200 file /srv/main/plain/h.html
80 h2 /try2/a?b | 403 file /srv/main/err/all.html
80 h /code/c | 200 file /srv/main/code/c
80 h /code/d | 410 file /srv/main/err/gone.html
80 h /nofallback/x | 404
80 h /alias/o.txt | 200 file /srv/other/o.txt
80 h /alias/sub/s.txt | 200 file /srv/other/sub/s.txt
80 h /alias/sub/ | 200 file /srv/other/sub/home.html
80 h /alias/sub | 301 to /alias/sub/
80 h /alias/re/sub/s.txt | 200 file /srv/other/sub/s.txt
80 h /alias/re/sub | 301 to /alias/re/sub/
80 h /alias/main/m | 200 file /srv/main/alias/main/m
80 h /bare/o.txt | 200 file /srv/other/o.txt
80 h /bare | 301 to /bare/
80 h /bare/re | 200 file /srv/other/re
80 h /hidden/h | 404 file /srv/main/err/all.html
80 h /hidden/ | 404 file /srv/main/err/all.html
80 h /hidden | 301 to /hidden/
80 h /err/all.html | 404 file /srv/main/err/all.html
80 h /loop | 500
80 h /inner500 | 500
80 h /sorry | 200 file /srv/main/err/sorry.html
80 h /503 | 503
80 h /temp?x | 200 text /go e /temp?x
80 h /acc | 202 file /srv/main/err/all.html
80 h /moved?k | 301 to /plain/?k
80 bare.example /x/y | 200 file /srv/bare.example/x/y
80 bare.example /y | 404
80 gone.example /plain/ | 410 file /srv/main/err/gone.html
80 gone.example /err/x | 410 file /srv/main/err/gone.html
""",
)

PROXIES = (
    {
        "gate.conf": r'''
upstream one { server 10.0.0.1:80; server 10.0.0.2:80; }
upstream two { server 10.0.0.3:80 backup; server 10.0.0.4:80 down; server 10.0.0.5:80; }
upstream three { server 10.0.0.6:80 down; server 10.0.0.7:80 backup down; server 10.0.0.8:80 backup; }
upstream four { server 10.0.0.9:80 down backup; }
server {
    root /srv/www;
    error_page 502 /fail/;
    location /one { proxy_pass http://one; location /one/in/ { } }
    location /two/ { proxy_pass http://two/; }
    location /three/ { proxy_pass http://three/base; }
    location = /exact { proxy_pass http://one/e/x; }
    location /four/ { proxy_pass http://four; }
    location /fail/ { proxy_pass http://two; }
    location ~ \.cgi$ { proxy_pass http://three; }
    location /t/ { try_files $uri /one/$uri?from=t; }
    location /i/ { index a.cgi; }
    location /k/ { try_files $uri /two/x%20y; }
    location /m/ { error_page 404 /three/m; }
    location /n/ { error_page 502 =503 /www.txt; proxy_pass http://four/; }
}
''',
    },
    ["www/i/a.cgi", "www/www.txt", "www/one/in/z", "www/t/t.txt"],
    """\
80 h /one | proxy 10.0.0.1:80 /one
80 h /one/%41//b/../c?x=%20&y | proxy 10.0.0.1:80 /one/%41//b/../c?x=%20&y
80 h /oneself? | proxy 10.0.0.1:80 /oneself?
80 h /one/in/z | 200 file /srv/www/one/in/z
80 h /two/%41//b?q=%41 | proxy 10.0.0.5:80 /A/b?q=%41
80 h /two/ | proxy 10.0.0.5:80 /
80 h /two/? | proxy 10.0.0.5:80 /
80 h /two | 404
80 h /three/x/y | proxy 10.0.0.8:80 /basex/y
80 h /exact?1 | proxy 10.0.0.1:80 /e/x?1
80 h /four/a?b=c | proxy 10.0.0.5:80 /fail/?b=c
80 h /a/b.cgi | proxy 10.0.0.8:80 /a/b.cgi
80 h /two/b.cgi?z | proxy 10.0.0.8:80 /two/b.cgi?z
80 h /t/t.txt | 200 file /srv/www/t/t.txt
80 h /t/q?old | proxy 10.0.0.1:80 /one//t/q?from=t
80 h /i/?s | proxy 10.0.0.8:80 /i/a.cgi?s
80 h /i | 301 to /i/
80 h /k/1?a | proxy 10.0.0.5:80 /x%20y?a
80 h /m/2?w | proxy 10.0.0.8:80 /basem?w
80 h /n/ | 503 file /srv/www/www.txt
""",
)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def compare(case):
    settings, documents, lines = case
    pairs = [line.split(" | ") for line in lines.splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        for path, text in settings.items():
            write(Path(folder, "root/etc", path), text)
        for path in documents:
            write(Path(folder, "root/srv", path), "a document\n")
        write(Path(folder, "requests"), "".join(f"{request}\n" for request, _ in pairs))
        command = [sys.executable, "-B", "route.py", f"{folder}/root", f"{folder}/requests"]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=20)
    assert done.returncode == 0, f"route.py failed: {done.stderr[-300:]}"
    found = done.stdout.splitlines()
    for (request, right), answer in zip(pairs, found):
        assert answer == right, f"{request}: expected {right!r}, found {answer!r}"
    assert len(found) == len(pairs), f"expected {len(pairs)} lines, found {len(found)}"


def test_syntax_and_included_files():
    compare(SYNTAX)


def test_the_choice_of_the_site():
    compare(SITES)


def test_the_search_for_locations():
    compare(LOCATIONS)


def test_documents_and_errors():
    compare(DOCUMENTS)


def test_requests_that_are_passed_on():
    compare(PROXIES)
