package pattern

import (
	"math/bits"
	"regexp/syntax"
	"unicode"
)

// instr is an instruction of a compiled regular expression: an operation and
// its argument. Programs of two bytes an instruction take about as much memory
// as the text, where those of package regexp take kilobytes.
type instr uint16

const (
	opChar   = iota // the next character is the argument; go on with the next instruction
	opClass         // the next character is in the class that is the argument; the same
	opJump          // go on at the argument
	opSplit         // go on with the next instruction and at the argument
	opAssert        // go on with the next instruction if the argument, a syntax.EmptyOp, holds here
	opMatch         // the name matches
	opFail          // it does not, on this way
)

const (
	argBits = 13
	argMask = 1<<argBits - 1

	// maxProg is how many instructions a program may have. An expression of maxText
	// bytes without counted repetitions has fewer. It bounds the time of a match at
	// that many steps for a character.
	maxProg = 2 * maxText

	// maxClasses is how many different classes the argument can say.
	maxClasses = 1 << argBits
)

func newInstr(op, arg int) instr { return instr(op<<argBits | arg) }

func (i instr) op() int  { return int(i >> argBits) }
func (i instr) arg() int { return int(i & argMask) }

// class is a set of ASCII characters. The last of them, DEL, stands for all that
// are not ASCII: ranges that go beyond have it.
type class [2]uint64

func (c *class) add(b byte) { c[b/64] |= 1 << (b % 64) }

func (c *class) has(b byte) bool {
	b = min(b, unicode.MaxASCII)
	return c[b/64]&(1<<(b%64)) != 0
}

func (c *class) len() int { return bits.OnesCount64(c[0]) + bits.OnesCount64(c[1]) }

// first returns the smallest character of a class that is not empty.
func (c *class) first() byte {
	if c[0] != 0 {
		return byte(bits.TrailingZeros64(c[0]))
	}
	return byte(64 + bits.TrailingZeros64(c[1]))
}

// states is a set of places in a program.
type states [(maxProg + 63) / 64]uint64

// machine follows all ways through a program at once, a character at a time: it
// never goes back, so that no expression takes exponential time.
type machine struct {
	prog      []instr
	classes   []class
	words     int // of a states that are in use
	now, next states
}

// run reports whether a program matches name. With anchored set it matches only
// from the beginning.
func run(prog []instr, classes []class, anchored bool, name []byte) bool {
	m := machine{prog: prog, classes: classes, words: (len(prog) + 63) / 64}
	now, next := &m.now, &m.next
	here := context(name, 0)
	for i := 0; ; i++ {
		if (i == 0 || !anchored) && m.enter(now, 0, here) {
			return true
		}
		if i == len(name) {
			return false
		}
		here = context(name, i+1)
		if m.step(now, next, name[i], here) {
			return true
		}
		clear(now[:m.words])
		now, next = next, now
	}
}

// context returns what holds in front of name[i].
func context(name []byte, i int) syntax.EmptyOp {
	before, after := rune(-1), rune(-1) // the ends of the name
	if i > 0 {
		before = rune(name[i-1])
	}
	if i < len(name) {
		after = rune(name[i])
	}
	return syntax.EmptyOpContext(before, after)
}

// step puts where c leads from now into next and reports whether that is a
// match. here is what holds behind c.
func (m *machine) step(now, next *states, c byte, here syntax.EmptyOp) bool {
	for w, word := range now[:m.words] {
		for ; word != 0; word &= word - 1 {
			pc := w*64 + bits.TrailingZeros64(word)
			in := m.prog[pc]
			switch in.op() {
			case opChar:
				if in.arg() != int(c) {
					continue
				}
			case opClass:
				if !m.classes[in.arg()].has(c) {
					continue
				}
			default:
				continue
			}
			if m.enter(next, pc+1, here) {
				return true
			}
		}
	}
	return false
}

// enter adds pc and all that is reached from it without a character to set. It
// reports whether the program matches there.
func (m *machine) enter(set *states, pc int, here syntax.EmptyOp) bool {
	for set[pc/64]&(1<<(pc%64)) == 0 {
		set[pc/64] |= 1 << (pc % 64)
		in := m.prog[pc]
		pc++
		switch in.op() {
		case opJump:
			pc = in.arg()
		case opSplit:
			if m.enter(set, in.arg(), here) {
				return true
			}
		case opAssert:
			if syntax.EmptyOp(in.arg())&^here != 0 {
				return false
			}
		case opMatch:
			return true
		default:
			return false
		}
	}
	return false
}
