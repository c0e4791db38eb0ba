{# An invoice in plain text. #}
Invoice {{ number }}
{% include "parts/address.t" %}
{% for item in items %}
{{ loop.index }}. {{ item.name | pad(12) }}{{ item.price | pad(-6) }}{% if item.parcels > 1 %} *{% end %}
{% else %}
(nothing ordered)
{% end %}
{%- set words = "thank you" %}

{{ words | upper }}, {{ customer.name | default("dear customer") }}!
