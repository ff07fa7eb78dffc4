package pattern

import (
	"regexp/syntax"
	"slices"
	"unicode"
)

// measure returns the length in characters of the shortest text that an
// expression matches, at most maxText, and about how many instructions it takes,
// at most maxProg + 1. Repetitions are counted without writing them out.
func measure(re *syntax.Regexp) (shortest, size int) {
	switch re.Op {
	case syntax.OpNoMatch, syntax.OpEmptyMatch:
		size = 1
	case syntax.OpLiteral:
		shortest, size = len(re.Rune), len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		shortest, size = 1, 1
	case syntax.OpCapture:
		return measure(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		_, size = measure(re.Sub[0])
		size++
	case syntax.OpPlus:
		shortest, size = measure(re.Sub[0])
		size++
	case syntax.OpRepeat:
		shortest, size = measure(re.Sub[0])
		shortest *= re.Min // both factors are small
		size = (size + 1) * max(re.Min+1, re.Max)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			n, s := measure(sub)
			shortest, size = shortest+n, size+s
		}
	case syntax.OpAlternate:
		shortest = maxText
		for _, sub := range re.Sub {
			n, s := measure(sub)
			shortest, size = min(shortest, n), size+s+2
		}
	default: // what stands for a place
		size = 1
	}
	return min(shortest, maxText), min(size, maxProg+1)
}

// compiler turns a program of package syntax into one of ours.
type compiler struct {
	from    *syntax.Prog
	prog    []instr
	classes []class
	at      map[uint32]int // where an instruction of from begins in prog
	open    []jump
}

// jump is an instruction of prog whose argument is to be where an instruction of
// from begins.
type jump struct {
	pc int
	to uint32
}

func compile(from *syntax.Prog) ([]instr, []class, error) {
	c := compiler{from: from, at: make(map[uint32]int, len(from.Inst))}
	c.chain(uint32(from.Start))
	for i := 0; i < len(c.open); i++ { // grows while it goes
		j := c.open[i]
		if _, ok := c.at[j.to]; !ok {
			c.chain(j.to)
		}
		c.prog[j.pc] |= newInstr(0, c.at[j.to]&argMask)
		if len(c.prog) > maxProg {
			return nil, nil, ErrLarge
		}
	}
	return slices.Clip(c.prog), slices.Clip(c.classes), nil
}

// chain writes what follows from one instruction on, as far as it goes without a
// branch. Other ways are left open.
func (c *compiler) chain(pc uint32) {
	for {
		if _, ok := c.at[pc]; ok {
			c.open = append(c.open, jump{len(c.prog), pc})
			c.prog = append(c.prog, newInstr(opJump, 0))
			return
		}
		c.at[pc] = len(c.prog)
		in := &c.from.Inst[pc]
		switch in.Op {
		case syntax.InstNop, syntax.InstCapture:
		case syntax.InstAlt, syntax.InstAltMatch:
			c.open = append(c.open, jump{len(c.prog), in.Arg})
			c.prog = append(c.prog, newInstr(opSplit, 0))
		case syntax.InstEmptyWidth:
			c.prog = append(c.prog, newInstr(opAssert, int(in.Arg)))
		case syntax.InstMatch:
			c.prog = append(c.prog, newInstr(opMatch, 0))
			return
		case syntax.InstFail:
			c.prog = append(c.prog, newInstr(opFail, 0))
			return
		default:
			c.prog = append(c.prog, c.character(in))
		}
		pc = in.Out
	}
}

// character returns the instruction for one that takes a character.
func (c *compiler) character(in *syntax.Inst) instr {
	chars := classOf(in)
	switch chars.len() {
	case 0:
		return newInstr(opFail, 0)
	case 1:
		return newInstr(opChar, int(chars.first()))
	}
	i := slices.Index(c.classes, chars)
	if i < 0 {
		i = len(c.classes)
		c.classes = append(c.classes, chars)
	}
	return newInstr(opClass, i)
}

// classOf returns the characters that in takes, of those that names are made of:
// ASCII in lower case.
func classOf(in *syntax.Inst) class {
	switch in.Op {
	case syntax.InstRuneAny, syntax.InstRuneAnyNotNL: // no name has a newline
		return anyChar
	}
	if len(in.Rune) == 1 {
		return runeClass(in.Rune[0], syntax.Flags(in.Arg)&syntax.FoldCase != 0)
	}
	return rangeClass(in.Rune)
}

// anyChar has all characters that names are made of.
var anyChar = rangeClass([]rune{0, unicode.MaxASCII})

// runeClass returns the character r, in other cases too if fold is set.
func runeClass(r rune, fold bool) (chars class) {
	for next := r; ; {
		if next <= unicode.MaxASCII && !('A' <= next && next <= 'Z') {
			chars.add(byte(next))
		}
		if next = unicode.SimpleFold(next); next == r || !fold {
			return chars
		}
	}
}

// rangeClass returns the characters in pairs of first and last ones.
func rangeClass(pairs []rune) (chars class) {
	for i := 0; i+1 < len(pairs); i += 2 {
		for r := pairs[i]; r <= min(pairs[i+1], unicode.MaxASCII); r++ {
			if !('A' <= r && r <= 'Z') {
				chars.add(byte(r))
			}
		}
	}
	return chars
}
