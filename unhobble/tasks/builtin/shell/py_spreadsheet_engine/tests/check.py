import os
import subprocess
import sys
import tempfile

# name: (sheet file, what the program must print)
CASES = {
    'functions': (
        r'''A1: 1
A2: text
A3: TRUE
A5: 4
A6: =1/4
B1: =SUM(A1:A6)
B2: =AVERAGE(A1:A6)
B3: =COUNT(A1:A6)
B4: =COUNTA(A1:A6)
B5: =SUM(TRUE,A1:A3)
B6: =SUM("1")
B7: =AVERAGE(A2:A4)
B8: =MIN(A2:A4)
B9: =MAX(A1:A6,-1)
B10: =ROUND(2.5)
B11: =ROUND(1.005,2)
B12: =ROUND(-0.5)
B13: =ROUND(1250,-2)
B14: =ROUND(-2.675,2)
B15: =ROUND(0.4)
B16: =ROUND(-0.4)
B17: =MOD(-7,3)
B18: =MOD(7,-3)
B19: =MOD(1,0)
B20: =LOG10(1000)
B21: =LOG10(0)
B22: =AND(A1:A5)
B23: =OR(A2:A4)
B24: =AND(1,0)
B25: =OR("x")
B26: =NOT(A4)
B27: =MOD(1,2,3)
B28: =MOD(1)
B29: =IF(1,2)
B30: =IF(0,2)
B31: =IF(A5>3,"big","small")
B32: =IF(TRUE,1,1/0)
B33: =IF("x",1,2)
B34: =IFERROR(1/0,"div")
B35: =IFERROR(5,1/0)
B36: =SUM(A1,1/0,FOO())
B37: =COUNT(1,"a",TRUE,A4)
B38: =AVERAGE(2,TRUE)
B39: =sum(a1:a6)
B40: =COUNT(A3,5)
B41: =ROUND(0.5)
B42: =SUM(C1:D9)
B43: =AVERAGE(C1:D9)
B44: =COUNTA(A1:A6,C1)
''',
        r'''---
A1	1
B1	5.25
A2	text
B2	1.75
A3	TRUE
B3	3
B4	5
A5	4
B5	2
A6	0.25
B6	#VALUE!
B7	#DIV/0!
B8	0
B9	4
B10	3
B11	1.01
B12	-1
B13	1300
B14	-2.68
B15	0
B16	0
B17	2
B18	-2
B19	#DIV/0!
B20	3
B21	#VALUE!
B22	TRUE
B23	TRUE
B24	FALSE
B25	#VALUE!
B26	TRUE
B27	#VALUE!
B28	#VALUE!
B29	2
B30	FALSE
B31	big
B32	1
B33	#VALUE!
B34	div
B35	5
B36	#DIV/0!
B37	1
B38	1.5
B39	5.25
B40	1
B41	1
B42	0
B43	#DIV/0!
B44	5
''',
    ),
    'operators': (
        r'''A1: =10-3-2
A2: =2^3^2
A3: =-2^2
A4: =2^-1
A5: =100/10/5
A6: =50%*200
A7: =1+2&3
A8: =1<=1
A9: ="abc"="ABC"
A10: =2<>2
A11: =3>=4
A12: ="a"<"B"
A13: =5<"a"
A14: ="zzz"<TRUE
A15: =--3
A16: =-A99
A17: =2*-3
A18: =8-2*3%
A19: =Z1=0
A20: =Z1=""
A21: =Z1=FALSE
A22: =TRUE+TRUE
A23: ="3"+1
A24: =1+
A25: =1 2
A26: =(1+2)*3)
A27: =foo
A28: =FOO(1)
A29: =1/0
A30: =0^-1
A31: =A29+A27
A32: =1/3
A33: =2^0.5*-1
A34: =1=1=TRUE
A35: =4-6<0
A36: =2*3^2
A37: =200%^2
A38: =A1:A2+1
''',
        r'''---
A1	5
A2	512
A3	-4
A4	0.5
A5	2
A6	100
A7	33
A8	TRUE
A9	TRUE
A10	FALSE
A11	FALSE
A12	TRUE
A13	TRUE
A14	TRUE
A15	3
A16	0
A17	-6
A18	7.94
A19	TRUE
A20	TRUE
A21	TRUE
A22	2
A23	#VALUE!
A24	#SYNTAX!
A25	#SYNTAX!
A26	#SYNTAX!
A27	#NAME?
A28	#NAME?
A29	#DIV/0!
A30	#DIV/0!
A31	#DIV/0!
A32	0.3333333333
A33	-1.414213562
A34	TRUE
A35	TRUE
A36	18
A37	4
A38	#VALUE!
''',
    ),
    'recalculation': (
        r'''A1: 1
A2: =A1+1
A3: =A2+1
A4: =SUM(A1:A3)
A5: =A4*10
print A5
A1: 10
print A5
A1:
print A5
print a3
B1: =B2+1
B2: =B3+1
B3: =B1+1
B4: =B3&"x"
B5: =IFERROR(B1,0)
print B2
print B4
print B5
B3: 5
print B2
print B4
print B1
print B5
C1: =IF(C2,C3,C1)
C2: TRUE
C3: ok
print C1
C2: FALSE
print C1
C2: TRUE
print C1
D1: =D1
print D1
D1: 3
print D1
E1: =IF(E2=0,1,F1)
E2: 0
F1: =E1+1
print F1
print E1
E2: 1
print F1
E2: 0
print F1
G1: =SUM(G1:G3)
G2: 1
print G1
G1: =SUM(G2:G3)
print G1
H1: =IF(TRUE,"x",H1)
print H1
print Z9
I1: =I2
I2: =I3
I3: =I2
print I1
I3: done
print I1
J1: =J2*2
print J1
copy A4 -> J2
A3: 4
H2: 1
H3: 8
print J1
''',
        r'''A5	60
A5	330
A5	30
A3	2
B2	#CYCLE!
B4	#CYCLE!
B5	#CYCLE!
B2	6
B4	5x
B1	7
B5	7
C1	ok
C1	#CYCLE!
C1	ok
D1	#CYCLE!
D1	3
F1	2
E1	1
F1	#CYCLE!
F1	2
G1	#CYCLE!
G1	1
H1	x
Z9	
I1	#CYCLE!
I1	done
J1	0
J1	#REF!
---
B1	7
C1	ok
D1	3
E1	1
F1	2
G1	1
H1	x
I1	done
J1	#REF!
A2	1
B2	6
C2	TRUE
E2	0
G2	1
H2	1
I2	done
J2	#REF!
A3	4
B3	5
C3	ok
H3	8
I3	done
A4	5
B4	5x
A5	50
B5	7
''',
    ),
    'references': (
        r'''Z1: 26
AA1: 27
AZ2: 52
BA2: 53
ZZ3: 702
AAA3: 703
B1: 2
A10: ten
A9: nine
C4: =SUM(B1:A2)
C5: =SUM(A2:B1)
C6: =SUM($B$2:A$1)
D4: =COUNTA(AAA3:Z1)
A2: 5
C1: =A1+$B1+C$1+$D$1
E5: =A1+$A1+A$1+$A$1+B2
copy E5 -> F6
copy E5 -> E5:F5
copy E5 -> D5
G7: =B2&"B2 $B$2"&LEN("B2")
copy G7 -> G6
H8: =LOG10(A1)+LOG10(100)
copy H8 -> AB9:AC10
H2: =SUM($A1:B$2)
copy H2 -> I3
copy H2 -> I1
copy H2 -> H1
A1: 100
Y9: =Y8+1
copy Y9 -> Z9:AB9
Y8: 1
Z8: 2
AA8: 3
AB8: 4
b3: 7
c3: =b3*$b$3
copy A10 -> A11:A12
copy ZZ9 -> A9
D9: =IFERROR(D5,"gone")
C1:
''',
        r'''---
A1	100
B1	2
H1	#REF!
I1	#REF!
Z1	26
AA1	27
A2	5
H2	107
AZ2	52
BA2	53
B3	7
C3	49
I3	5
ZZ3	702
AAA3	703
C4	107
D4	6
C5	107
D5	#REF!
E5	400
F5	204
C6	107
F6	156
G6	2B2 $B$22
G7	B2 $B$22
H8	4
Y8	1
Z8	2
AA8	3
AB8	4
D9	gone
Y9	2
Z9	3
AA9	4
AB9	5
AC9	#VALUE!
A10	ten
AB10	#VALUE!
AC10	#VALUE!
A11	ten
A12	ten
''',
    ),
    'texts': (
        r'''A1: ="say ""hi"""
A2: =LEN("a""b")
A3: =UPPER("grün")
A4: =MID("spreadsheet",7,5)
A5: =MID("abc",1,10)
A6: =LEN(A99)
A7: =1&TRUE&A99&"x"
A8: 'TRUE
A9: true
A10: =A8=A9
A11: '=1+1
A12: -3
A13: .5
A14: 1e3
A15: 12 apples
A16: =MID("abc",0,1)
A17: =LEN("")
A18: =""""
A19: ="a""b"&"c"
A20: =LEN(A1:A2)
A21: =MID("abcdef",2,1)
A22: =0.1+0.2
A23: =1e14*10
A24: =123456789012
A25: =1/0&"x"
A26: 3:4
''',
        r'''---
A1	say "hi"
A2	3
A3	GRÜN
A4	sheet
A5	abc
A6	0
A7	1TRUEx
A8	TRUE
A9	TRUE
A10	FALSE
A11	=1+1
A12	-3
A13	0.5
A14	1000
A15	12 apples
A16	#VALUE!
A17	0
A18	"
A19	a"bc
A20	#VALUE!
A21	b
A22	0.3
A23	1e+15
A24	123456789012
A25	#DIV/0!
A26	3:4
''',
    ),
}
DEMO = (
    r'''# Three articles, a total, a share.
A1: Article
B1: Price
C1: Pieces
D1: Amount
A2: Tea
B2: 2.50
C2: 4
A3: Cake
B3: 3.25
C3: 2
A4: Water
B4: 1.75
C4: 10
D2: =B2*C2
copy D2 -> D3:D4
D6: =SUM(D2:D4)
print D6
C3: 4
print D6
E2: =D2/D$6
copy E2 -> E3:E4
A8: =100-30-20
A9: =IF(C9=0,"none",B9/C9)
A10: ="say ""hi"""
''',
    r'''D6	34
D6	40.5
---
A1	Article
B1	Price
C1	Pieces
D1	Amount
A2	Tea
B2	2.5
C2	4
D2	10
E2	0.2469135802
A3	Cake
B3	3.25
C3	4
D3	13
E3	0.3209876543
A4	Water
B4	1.75
C4	10
D4	17.5
E4	0.4320987654
D6	40.5
A8	50
A9	none
A10	say "hi"
''',
)


def check(case):
    source, want = case
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.sheet")
        with open(path, "w", encoding="utf-8") as out:
            out.write(source)
        run = subprocess.run([sys.executable, "-B", "-m", "sheet", path], capture_output=True, text=True, encoding="utf-8", timeout=20)
    assert run.returncode == 0, f"python3 -m sheet failed: {run.stderr[-300:]}"
    expected, found = want.splitlines(), run.stdout.splitlines()
    for number, (a, b) in enumerate(zip(expected, found), 1):
        assert a == b, f"output line {number}: expected {a!r}, found {b!r}"
    assert len(expected) == len(found), f"expected {len(expected)} lines, found {len(found)}"


def test_demo():
    check(DEMO)


def test_functions():
    check(CASES['functions'])


def test_operators():
    check(CASES['operators'])


def test_recalculation():
    check(CASES['recalculation'])


def test_references():
    check(CASES['references'])


def test_texts():
    check(CASES['texts'])
