"""Tables to registers: what a mapping says, tables read and checked, rows turned into quads."""
