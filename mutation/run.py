#!/usr/bin/env python3
"""Breaks the code in each of the ways that a list gives, and sees whether the tests notice.

    run.py [-l LIST] [-s SOURCE] [-t TREE] [-o RESULTS] [-q] [NAME-REGEXP...]

Works on a copy of SOURCE (its files that git knows or would add) in TREE, so SOURCE is never touched. For each
entry: puts the new text in place of the old, which has to be there exactly once, runs
`go test -count=1 -failfast -timeout 75s -run PATTERN PACKAGE`, and puts the old text back. Verdicts:

    killed    a test failed, hung or crashed
    SURVIVED  none did
    SLOW      there was no answer in time: the machine is busy, try again
    BROKEN    it does not compile, or the old text is not there once: mend the list
    RED       (before the breakages) the tests fail as the code is

Ends with 1 if anything survived, is broken or red.

The list is plain text. A line "=== NAME" begins an entry; "# ..." between entries is a comment. Then, each once:

    case NN or text                what it belongs to
    file PATH                      in the repository
    test PACKAGE PATTERN           what ought to notice
    why TEXT                       the defence that is taken out

and one or more pairs, of which the lines are taken as they are:

    --- old
    ...
    --- new
    ...
"""
import argparse, os, re, resource, shutil, subprocess, sys, time

here = os.path.dirname(os.path.abspath(__file__))
ap = argparse.ArgumentParser()
ap.add_argument('-l', default=os.path.join(here, 'list.txt'))
ap.add_argument('-s', default='/tmp/w/wt/cases2')
ap.add_argument('-t', default=os.path.join(here, 'tree'))
ap.add_argument('-o', default=os.path.join(here, 'results.txt'))
ap.add_argument('-q', action='store_true', help='do not first see that the tests pass as the code is')
ap.add_argument('names', nargs='*')
a = ap.parse_args()
# Compiling takes the most time, so most of it is remembered, if the wrapper is there.
ENV = dict(os.environ, CGO_CFLAGS='-O1')
if os.path.exists(os.path.join(here, 'ccgcc')):
    os.makedirs(os.path.join(here, 'cc'), exist_ok=True)
    ENV['CC'] = os.path.join(here, 'ccgcc')
LOCK = ['flock', '-s', '/tmp/w/measure.lock', 'nice', '-n', '10'] if os.path.exists('/tmp/w/measure.lock') else []

def parse(path):
    entries, e, part = [], None, None
    for n, line in enumerate(open(path).read().split('\n'), 1):
        if line.startswith('=== '):
            e, part = {'name': line[4:].strip(), 'edits': [], 'line': n}, None
            entries.append(e)
        elif e is None or (part is None and (not line.strip() or line.startswith('#'))):
            continue
        elif line == '--- old':
            e['edits'].append({'old': [], 'new': []}); part = 'old'
        elif line == '--- new':
            part = 'new'
        elif line == '--- end':
            part = None
        elif part:
            e['edits'][-1][part].append(line)
        else:
            key, _, value = line.partition(' ')
            if key not in ('case', 'file', 'test', 'why'):
                sys.exit(f'{path}:{n}: {line!r}')
            e[key] = value.strip()
    for e in entries:
        for d in e['edits']:
            for k in d:
                while d[k] and not d[k][-1].strip():
                    d[k].pop()
                d[k] = ''.join(l + '\n' for l in d[k])
    return entries

def copy():
    files = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=a.s, capture_output=True, text=True, check=True).stdout.split('\n')
    shutil.rmtree(a.t, ignore_errors=True)
    for f in filter(None, files):
        if not os.path.exists(os.path.join(a.s, f)):
            continue
        to = os.path.join(a.t, f)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy2(os.path.join(a.s, f), to)
        if f.endswith('_test.go'): # how long they wait for what does not come
            text = open(to).read()
            text = re.sub(r'hang = 30 \* time.Second', 'hang = 12 * time.Second', text)
            text = re.sub(r'time\.Minute, time\.Millisecond', '15*time.Second, time.Millisecond', text)
            text = re.sub(r'(WithTimeout\(t\.Context\(\), )time\.Minute', r'\g<1>15*time.Second', text)
            open(to, 'w').write(text)

def bound():
    # A breakage may start threads without end: some 4,000 have room.
    resource.setrlimit(resource.RLIMIT_AS, (32 << 30, 32 << 30))

def go(package, pattern):
    start = time.time()
    cmd = LOCK + ['timeout', '-k', '5', '400', 'go', 'test', '-vet=off', '-count=1', '-failfast', '-timeout', '75s', '-run', pattern, package]
    p = subprocess.run(cmd, cwd=a.t, env=ENV, preexec_fn=bound, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    return p.returncode, p.stdout, time.time() - start

def digest(out):
    fails = re.findall(r'--- FAIL: (\S+)', out)
    fails = [f for f in fails if not any(g.startswith(f + '/') for g in fails)]
    first = re.search(r'Error:\s+(.*(?:\n(?!\s*(?:Error Trace|Test|Messages|Diff):)\s+.*){0,3})', out)
    if first:
        first = re.search('(?s).*', re.sub(r'\s+', ' ', first.group(1)))
    crash = re.search(r'^(panic: .*|fatal error: .*|SIG\w+: .*|signal: .*|free\(\).*|malloc.*|double free.*|WARNING: DATA RACE)', out, re.M)
    running = re.findall(r'^\s+(Test\S+) \(', out, re.M)
    text = '; '.join(filter(None, [' '.join(fails[:3]), first and first.group(0)[:160], crash and crash.group(1)[:120], running and 'in ' + running[-1]]))
    return text or out.strip().split('\n')[-1][:150]

entries = [e for e in parse(a.l) if not a.names or any(re.search(n, e['name']) for n in a.names)]
copy()
log, bad = open(a.o, 'a'), 0
def say(*w):
    line = ' | '.join(w)
    print(line, flush=True); log.write(line + '\n'); log.flush()
if not a.q:
    for t in sorted({e['test'] for e in entries}):
        rc, out, s = go(*t.split(' ', 1))
        if rc or 'no tests to run' in out:
            bad += 1
            say('RED', t, f'{s:.0f} s', digest(out))
for e in entries:
    path = os.path.join(a.t, e['file'])
    text = whole = open(path).read()
    wrong = None
    for d in e['edits']:
        if text.count(d['old']) != 1 or not d['old']:
            wrong = f"the old text is there {text.count(d['old'])} times: {d['old'].strip()[:60]!r}"
            break
        text = text.replace(d['old'], d['new'])
    if wrong or not e['edits']:
        bad += 1
        say('BROKEN', e['name'], wrong or 'no edit')
        continue
    open(path, 'w').write(text)
    try:
        rc, out, s = go(*e['test'].split(' ', 1))
    finally:
        open(path, 'w').write(whole)
    open(os.path.join(here, 'out', e['name'] + '.txt'), 'w').write(out) if os.path.isdir(os.path.join(here, 'out')) else None
    if '[build failed]' in out or '[setup failed]' in out or 'no tests to run' in out:
        verdict = 'BROKEN'
        text = ' '.join(l for l in out.split('\n') if 'error' in l or '.go:' in l)[:200]
    else:
        verdict, text = ('killed', digest(out)) if rc else ('SURVIVED', '')
        if rc in (124, 137) and '--- FAIL' not in out and 'panic:' not in out:
            verdict = 'SLOW'
    bad += verdict != 'killed'
    say(verdict, e['name'], f"{s:.0f} s", text)
sys.exit(bad > 0)
